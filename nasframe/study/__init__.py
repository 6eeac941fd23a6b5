"""One search, and its result."""
