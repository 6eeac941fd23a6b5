"""Meters: metrics that need no training."""
