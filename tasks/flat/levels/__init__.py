"""Levels of flats over the focal plane: measured by detector, and taken apart into lamp and response."""
