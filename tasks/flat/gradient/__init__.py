"""The gradient of the light over the focal plane: binned flats, its model, the fit, and its removal."""
