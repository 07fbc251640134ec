"""How the measurement of crosstalk runs over the raws of a detector."""
