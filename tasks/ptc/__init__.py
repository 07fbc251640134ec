"""The photon transfer curve."""
