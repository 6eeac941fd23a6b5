"""Loggers: destinations of the curves of studies and trainings."""
