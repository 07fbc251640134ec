"""The serial register read out: simulated step by step, and in closed form."""
