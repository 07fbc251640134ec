"""The unit of every statistic that verification measures, by name: one table for metrics and reports.

A name means one thing whatever it is measured of. One that is not here is a ratio or a count.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["UNITS", "unit_of"]

UNITS: Mapping[str, str] = MappingProxyType(
    {
        # residuals of exposures
        "MEAN": "electron",
        "MEDIAN": "electron",
        "NOISE": "electron",
        "CR_MEAN": "electron",
        "CR_NOISE": "electron",
        "AMP_CORNER": "electron",
        "SCATTER": "electron",
        "EXPECTED_NOISE": "electron",
        "READ_NOISE_ADU": "adu",
        "DARK_CURRENT": "electron/s",
        # photon transfer curve
        "GAIN": "electron/adu",
        "GAIN_ERROR": "electron/adu",
        "GAIN_UNADJUSTED": "electron/adu",
        "NOMINAL_GAIN": "electron/adu",
        "PAIR_GAIN": "electron/adu",
        "HELD_OUT_GAIN": "electron/adu",
        "READ_NOISE": "electron",
        "READ_NOISE_ERROR": "electron",
        "NOMINAL_READ_NOISE": "electron",
        "OVERSCAN_NOISE": "electron",
        "TURNOFF": "electron",
        "TURNOFF_ADU": "adu",
        "MAX_SIGNAL": "electron",
        "A00": "1/electron",
        "A00_ERROR": "1/electron",
        "A10": "1/electron",
        "A01": "1/electron",
        # exposures with and without their defects
        "STDEV": "electron",
        "MIN": "electron",
        "MAX": "electron",
        # fringes and sky
        "FRINGE_AMPLITUDE": "electron",
        "FRINGE_AMPLITUDE_ERROR": "electron",
        "SKY_LEVEL": "electron",
        "SKY_SCALE": "electron",
        "PIXEL_NOISE": "electron",
        # charge transfer inefficiency
        "SERIAL_CTI": "%",
        "PARALLEL_CTI": "%",
        "PARALLEL_EDGE": "%",
        "DECAY_TIME": "pixel",
        "SIGNAL": "electron",
        "TRAIL": "electron",
        "TRAIL_ERROR": "electron",
        "TRAIL_LEFT": "electron",
        "TRAIL_LEFT_ALLOWANCE": "electron",
        "TRAIL_OVERCORRECTED": "electron",
        "TRAIL_OVERCORRECTED_ALLOWANCE": "electron",
        "TRAIL_LEVEL": "electron",
        # brighter-fatter kernel
        "KERNEL_CENTRE": "1/electron",
        "A00_BEFORE": "1/electron",
        "C10_BEFORE": "1/electron",
        "C01_BEFORE": "1/electron",
        "XX_SLOPE_BEFORE": "pixel²/electron",
        "XX_SLOPE_AFTER": "pixel²/electron",
        "YY_SLOPE_BEFORE": "pixel²/electron",
        "YY_SLOPE_AFTER": "pixel²/electron",
        "BRIGHT_SLOPE": "1/mag",
        # linearity
        "RESIDUAL_LEVEL": "adu",
    }
)
"""Unit by name of the statistic; that of a statistic with ``UNMASKED_`` before is the same."""


def unit_of(statistic: str) -> str:
    """Return the unit of a statistic, empty for a ratio or a count."""
    return UNITS.get(statistic.removeprefix("UNMASKED_"), "")
