"""How the response of an amplifier is fitted."""
