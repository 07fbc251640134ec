"""The CTI of a detector, and its table."""
