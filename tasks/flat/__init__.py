"""The flat calibration."""
