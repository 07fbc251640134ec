"""Settings of the tasks that make sky frames."""

from lsst.pex.config import Config, ConfigField, RangeField

from tasks.combine.smooth_sky import SkySettings
from tasks.combine.surface import SurfaceSettings
from tasks.isr.config import IsrConfig
from tasks.sky.grids.focal_plane import SUPER_PIXEL

__all__ = ["AverageConfig", "CellsConfig", "MergeConfig", "SourcesConfig"]


class SourcesConfig(Config):
    """How sky and sources are told apart."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied to each exposure.")
    order = RangeField(
        dtype=int, default=6, min=0, max=20, doc="Degree of the surface that sources stand out of."
    )
    source_threshold = RangeField(
        dtype=float,
        default=5.0,
        min=1.0,
        doc="Height of sources (standard deviations of the smoothed image).",
    )
    source_width = RangeField(
        dtype=float, default=1.0, min=0.0, doc="Width of the smoothing before sources are found (pixel)."
    )
    source_growth = RangeField(
        dtype=int, default=8, min=0, doc="Pixels by which sources are grown: their wings are no sky."
    )
    passes = RangeField(dtype=int, default=3, min=1, doc="How often sky and sources are found in turn.")

    def settings(self) -> SkySettings:
        """Return the settings of the algorithm."""
        return SkySettings(
            SurfaceSettings(order=self.order),
            n_sigma=self.source_threshold,
            width=self.source_width,
            grow=self.source_growth,
            passes=self.passes,
        )


class CellsConfig(SourcesConfig):
    """Settings of the measurement of skies."""

    mesh = RangeField(dtype=int, default=128, min=4, doc="Size of a cell of the sky frame (pixel).")


class MergeConfig(Config):
    """Settings of the smooth sky over the focal plane."""

    super_pixel = RangeField(
        dtype=float,
        default=SUPER_PIXEL,
        min=1.0,
        doc="Largest side of a super-pixel (mm); the sky is linear between the corners of super-pixels, and "
        "constant where one spans the focal plane.",
    )


class AverageConfig(Config):
    """Settings of the average over the exposures."""

    n_sigma = RangeField(
        dtype=float, default=3.0, min=0.5, doc="Half-width of the clip (standard deviations)."
    )
    n_iterations = RangeField(dtype=int, default=3, min=1, doc="Number of clipping passes.")
