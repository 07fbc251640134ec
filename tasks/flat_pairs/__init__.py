"""Pairs of flats measured, and their photon transfer curve as a dataset; shared by calibration rooms."""
