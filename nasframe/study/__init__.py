"""A study: one search and its result."""
