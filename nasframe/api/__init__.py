"""What parts promise, and what passes between them."""
