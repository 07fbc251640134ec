"""What a pipeline may change of the flat of a spectrograph."""

from typing import cast

from lsst.pex.config import ChoiceField, Config, Field, RangeField

from infra.errors import UsageError
from tasks.spectro_flat.algorithm import SpectroFlatSettings
from tasks.spectro_flat.steps.smoothing import EdgeMode, Smoothing
from tasks.spectro_flat.verify import BLOCK

__all__ = ["SpectroFlatConfig", "StructureConfig"]


class SpectroFlatConfig(Config):
    """Settings of the flat of a spectrograph."""

    physical_filter = Field[str](
        dtype=str, default="empty~empty", doc="Physical filter of the combined flat it is made from."
    )
    smoothing = ChoiceField[str](
        dtype=str,
        default="mean",
        allowed={
            "mean": "Mean over a square, outliers left out.",
            "gauss": "Gaussian weights.",
            "median": "Median over a square; minutes for a full-size detector.",
        },
        doc="How the response of the optics is smoothed.",
    )
    window = RangeField(dtype=int, default=40, min=1, doc="Side of the square, or sigma (pixels).")
    mode = ChoiceField[str](
        dtype=str,
        default="mirror",
        allowed={
            "mirror": "Mirrored about the last pixel.",
            "reflect": "Mirrored about the edge.",
            "nearest": "The last pixel.",
            "wrap": "The other side.",
        },
        doc="What is taken for pixels beyond the edge of an amplifier.",
    )
    outlier_percentile = RangeField(
        dtype=float, default=1.0, min=0.0, max=49.0, doc="Per cent at either end that a mean leaves out."
    )
    remove_background = Field[bool](dtype=bool, default=True, doc="Divide also by the background left.")
    background_box = RangeField(dtype=int, default=20, min=2, doc="Side of a box of its mesh (pixels).")
    background_filter = RangeField(
        dtype=int, default=3, min=1, doc="Side of the median filter of the mesh (boxes), odd."
    )
    background_sigma = RangeField(
        dtype=float, default=3.0, min=0.5, doc="Clip within a box (standard deviations)."
    )
    divide_by_gains = Field[bool](
        dtype=bool, default=True, doc="Multiply by inverse gains; False multiplies by gains."
    )
    scale_gains = Field[bool](dtype=bool, default=True, doc="Take gains in units of their mean.")

    def settings(self) -> SpectroFlatSettings:
        """Return how the flat is made.

        Raises
        ------
        UsageError
            The median filter has no middle.
        """
        if self.background_filter % 2 == 0:
            raise UsageError(f"a median filter of {self.background_filter} boxes has no middle", "use 3")
        return SpectroFlatSettings(
            smoothing=cast(Smoothing, self.smoothing),
            window=self.window,
            mode=cast(EdgeMode, self.mode),
            outlier_percentile=self.outlier_percentile,
            remove_background=self.remove_background,
            background_box=self.background_box,
            background_filter=self.background_filter,
            background_sigma=self.background_sigma,
            divide_by_gains=self.divide_by_gains,
            scale_gains=self.scale_gains,
        )


class StructureConfig(SpectroFlatConfig):
    """Settings of its verification; those of the flat should be the ones that it was made with."""

    block = RangeField(dtype=int, default=BLOCK, min=2, doc="Side of a block for the structure (pixels).")
