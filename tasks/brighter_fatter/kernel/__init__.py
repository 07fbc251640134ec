"""The kernel: covariances to its source, its Poisson equation, whether it is valid, and its table."""
