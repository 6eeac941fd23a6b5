"""Training the best networks of a study in full."""
