"""The dark calibration."""
