"""Skies as grids of cells: measured in exposures, compared over the focal plane, and put together."""
