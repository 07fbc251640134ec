"""Charge transfer inefficiency."""
