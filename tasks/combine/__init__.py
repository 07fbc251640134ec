"""The stacking engine."""
