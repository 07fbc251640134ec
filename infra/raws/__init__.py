"""Raw frames: reading them without afw, judging them, and taking them into a Butler."""
