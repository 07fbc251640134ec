"""The product: its model, and its table."""
