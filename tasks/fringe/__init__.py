"""The fringe frame."""
