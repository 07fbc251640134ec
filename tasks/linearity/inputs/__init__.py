"""What linearity is solved from and told: the photon transfer curve, binned images, configuration, header."""
