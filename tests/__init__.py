"""calprod's tests, in the order of the house."""
