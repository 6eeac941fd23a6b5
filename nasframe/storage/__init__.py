"""Bytes on disk: logs, locks, atomic files, weights, cache."""
