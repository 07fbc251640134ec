"""The correction of gains by flats."""
