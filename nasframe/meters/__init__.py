"""Metrics that need no training."""
