"""What several studies say beside each other."""
