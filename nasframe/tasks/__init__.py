"""Data sets, and what is asked of them."""
