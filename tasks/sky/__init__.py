"""The sky frame: what the camera adds to a smooth sky, in units of the sky."""
