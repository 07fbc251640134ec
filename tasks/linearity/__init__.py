"""The linearity calibration."""
