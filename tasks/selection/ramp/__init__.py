"""Ramps of flats: recognised, judged, paired, and given their roles for a photon transfer curve."""
