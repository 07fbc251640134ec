"""Steps of the measurement of crosstalk."""
