"""Measure how long a network takes."""
