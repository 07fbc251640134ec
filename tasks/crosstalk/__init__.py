"""The crosstalk of a detector: the fraction of each amplifier's signal that shows in every other."""
