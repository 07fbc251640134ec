"""What a pipeline may change of the verification of kernels."""

from lsst.pex.config import Config, RangeField

__all__ = ["CheckConfig"]


class CheckConfig(Config):
    """Which exposures are measured, and which levels judged."""

    most_pairs = RangeField(dtype=int, default=12, min=1, doc="Pairs of flats that are measured at most.")
    most_spots = RangeField(dtype=int, default=10, min=0, doc="Exposures of spots measured at most.")
    lowest_signal = RangeField(
        dtype=float, default=10_000.0, min=0.0, doc="Levels below it are not judged (electron)."
    )
