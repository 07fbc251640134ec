"""A ramp of 100 exposures whose response ends where it was made to end."""

import numpy as np

TURNOFF = 90
"""Last point that is proportional to the light."""
_PER_UNIT = 1100.0

CHARGE = np.linspace(1.0, 100.0, 100)
"""Light (arbitrary unit)."""
_noise = np.random.default_rng(20240318).normal(0.0, 1e-4, CHARGE.size)
LEVEL = _PER_UNIT * CHARGE * np.where(np.arange(CHARGE.size) > TURNOFF, 0.95, 1.0) * (1.0 + _noise)
"""Level (adu): proportional up to the turnoff, beyond it a twentieth short."""
KEEP = np.ones(CHARGE.size, bool)
"""Points to use."""
