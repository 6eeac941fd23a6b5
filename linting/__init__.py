"""Custom import contracts, loaded by ``lint-imports`` from the checkout; not installed."""
