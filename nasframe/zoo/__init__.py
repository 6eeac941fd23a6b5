"""Networks by name, and comparison of their latencies."""
