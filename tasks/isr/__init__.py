"""Instrument-signature removal: one correction per module, plain functions on arrays."""
