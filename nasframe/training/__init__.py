"""The training of children with Lightning."""
