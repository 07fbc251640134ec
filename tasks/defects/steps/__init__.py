"""Steps of the search for defects."""
