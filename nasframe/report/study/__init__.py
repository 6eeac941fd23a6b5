"""What one study says."""
