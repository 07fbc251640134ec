"""What is left of the non-linearity in flats that a linearizer has been applied to."""
