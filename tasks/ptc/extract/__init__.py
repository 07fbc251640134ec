"""From the pixels of a pair of flats to mean, variance and covariances of its amplifiers."""
