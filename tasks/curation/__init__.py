"""Calibrations that a named curator brings in from a file: crosstalk matrices and manual defects."""
