"""Choosing exposures, with a reason for each."""
