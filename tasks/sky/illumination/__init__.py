"""The illumination correction: what flats and stars disagree about."""
