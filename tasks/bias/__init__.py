"""The bias calibration."""
