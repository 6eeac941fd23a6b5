"""Data sets, with their losses and metrics."""
