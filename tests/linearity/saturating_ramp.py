"""A ramp of 100 exposures whose response ends where it was made to end."""

import numpy as np

TURNOFF = 90
"""Last point that is proportional to the light."""
_PER_UNIT = 1100.0

CHARGE = np.linspace(1.0, 100.0, 100)
"""Light (arbitrary unit)."""
_noise = np.random.default_rng(20240318).normal(0.0, 1e-4, CHARGE.size)
_last = CHARGE[TURNOFF]
_beyond = np.clip(CHARGE - _last, 0.0, None)
LEVEL = _PER_UNIT * (np.minimum(CHARGE, _last) - 4.0 * _beyond) * (1.0 + _noise)
"""Level (adu): proportional up to the turnoff, then falling fast, as charge spills over."""
KEEP = np.ones(CHARGE.size, bool)
"""Points to use."""
