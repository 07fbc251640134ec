"""The defects of a detector: the pixels that no correction makes usable, each with its reason."""
