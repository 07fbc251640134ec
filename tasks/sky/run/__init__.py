"""The tasks around the algorithm."""
