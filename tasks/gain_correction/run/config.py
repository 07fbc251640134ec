"""What a pipeline may change of the correction of the gains."""

from lsst.pex.config import Config, Field, RangeField

from tasks.gain_correction.algorithm import GainCorrectionSettings

__all__ = ["GainCorrectionConfig"]


class GainCorrectionConfig(Config):
    """Settings of the correction of the gains."""

    physical_filter = Field[str](
        dtype=str,
        default=None,
        optional=True,
        doc="Filter of the two flats, where there are new ones of several; None for the only one.",
    )
    order = RangeField(
        dtype=int, default=1, min=0, doc="Order of what is left of the light, in each direction."
    )
    radial_nodes = RangeField(
        dtype=int,
        default=20,
        min=0,
        doc="Nodes of its profile in the distance from the middle of the focal plane; 0 for none.",
    )
    largest_change = RangeField(
        dtype=float, default=0.05, min=0.0, doc="Fraction beyond which an amplifier is left out."
    )
    n_sigma = RangeField(
        dtype=float,
        default=5.0,
        min=1.0,
        doc="Distance from the median where an amplifier does not shape the light, or a bin is left out.",
    )
    edge = RangeField(dtype=int, default=20, min=0, doc="Border of each amplifier left out (pixels).")
    bin_size = RangeField(dtype=int, default=8, min=1, doc="Side of a bin (pixels).")
    highest_noise = Field[float](
        dtype=float, default=12.0, doc="Highest read noise of the reference amplifier (electron)."
    )

    def settings(self) -> GainCorrectionSettings:
        """Return how the correction is found."""
        return GainCorrectionSettings(
            order=self.order,
            radial_nodes=self.radial_nodes,
            largest_change=self.largest_change,
            n_sigma=self.n_sigma,
            edge=self.edge,
            bin_size=self.bin_size,
            highest_noise=self.highest_noise,
        )
