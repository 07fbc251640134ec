"""The steps of calibration production, and one room per calibration."""
