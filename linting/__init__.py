"""Import contracts of our own, which ``lint-imports`` loads from the checkout; not installed."""
