"""Networks by name, side by side."""
