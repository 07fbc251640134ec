"""Numbers by which a photon transfer curve is judged."""
