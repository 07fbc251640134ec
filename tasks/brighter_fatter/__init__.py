"""The brighter-fatter effect: its kernel, and the distortion of pixels by charge."""
