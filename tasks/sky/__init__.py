"""The sky frame."""
