"""Comparisons of several studies."""
