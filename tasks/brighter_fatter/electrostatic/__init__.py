"""How far charge moves the boundaries of pixels: an electrostatic model of the covariances of flats."""
