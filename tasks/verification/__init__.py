"""Statistics, tests, limits and the roll-up shared by every calibration."""
