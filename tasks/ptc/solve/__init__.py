"""From the measurements of all pairs to gain, noise and covariance matrices."""
