"""Settings of the search for defects, by kind of image."""

from dataclasses import dataclass
from typing import Literal

from infra.errors import UsageError
from tasks.defects.steps.model import ImageType

__all__ = ["DefectSettings", "MergeMode", "edges_for", "settings_for"]

type MergeMode = Literal["AND", "OR", "FRACTION"]
"""Which share of the images of one kind must show a defect: all, one, or a fraction."""


@dataclass(frozen=True, slots=True)
class DefectSettings:
    """Settings for one kind of image; the defaults are those of Rubin's cp_pipe (MeasureDefects)."""

    threshold_type: Literal["STDEV", "VALUE"] = "STDEV"
    """Thresholds in standard deviations of each amplifier, or in units of the image."""
    bright_sigma: float = 4.8
    """STDEV: hot from this many standard deviations above the mean."""
    cold_sigma: float = 5.0
    """STDEV, flats only: cold from this many standard deviations below the mean."""
    bias_value: float = 1000.0
    """VALUE, biases: hot from this much above the mean (adu)."""
    dark_value: float = 5.0
    """VALUE, darks: hot from this much above the mean (electron/s)."""
    flat_value: float = 0.8
    """VALUE, flats: cold up to this fraction of the mean."""
    border: int = 0
    """Rows and columns left out at the outer edges of the sensor."""
    saturated_dilation: int = 0
    """Pixels to the left and right of a saturated one that are defects with it."""
    column_threshold: int = 50
    """A column with this many defects has runs: all pixels between its defects are defects."""
    column_gap: int = 30
    """Defects this far apart belong to two runs."""
    columns_across_amplifiers: bool = False
    """Search runs along columns of the whole detector, as Rubin does, and not of each amplifier."""
    bad_pixels_to_fill: int | None = None
    """An amplifier's column with this many defects is one as a whole; None for never."""
    saturated_pixels_to_fill: int | None = None
    """An amplifier's column with this many saturated pixels is one as a whole; None for never."""
    e2v_midline: Literal["NEVERMASK", "MASK"] = "NEVERMASK"
    """What becomes of the rows beside the midline of an E2V sensor's flat: never, or always, a defect."""
    e2v_midline_rows: int = 1
    """Number of such rows on either side; 0 treats them as any other."""
    fit_gradient: bool = False
    """Flats: divide each amplifier by a radial gradient first."""
    gradient_centre: tuple[float, float] | None = None
    """Centre (x, y) of the gradient, in pixels of the trimmed image; that of the detector when None."""
    vampire_threshold: float | None = None
    """Flats: pixels at or above this (relative to a flat of 1) are vampires; None does not look for them."""
    vampire_radius: int = 8
    """Pixels this near to a vampire are defects."""
    bad_pixels_are_defects: bool = True
    """What is BAD in the combined image, because no exposure had a value, is a defect; not so in Rubin's."""

    def __post_init__(self) -> None:
        counts = {
            "border": self.border,
            "saturated_dilation": self.saturated_dilation,
            "vampire_radius": self.vampire_radius,
            "column_threshold": self.column_threshold - 1,
            "column_gap": self.column_gap - 1,
        }
        wrong = [name for name, value in counts.items() if value < 0]
        wrong += [name for name in ("bright_sigma", "cold_sigma") if not getattr(self, name) > 0]
        if wrong:
            raise UsageError(f"settings of defects out of range: {', '.join(wrong)}", "give positive numbers")


_LATISS: dict[ImageType, DefectSettings] = {
    "bias": DefectSettings(
        "VALUE",
        bias_value=1000.0,
        bad_pixels_to_fill=1000,
        saturated_dilation=2,
        saturated_pixels_to_fill=20,
    ),
    "dark": DefectSettings(
        "VALUE",
        dark_value=3.0,
        bad_pixels_to_fill=1000,
        saturated_dilation=2,
        saturated_pixels_to_fill=20,
    ),
    "flat": DefectSettings("VALUE", flat_value=0.9, bad_pixels_to_fill=1000),
}

_EDGES = {"LATISS": (5, 5), "LSSTCam": (8, 7)}


def settings_for(image_type: ImageType, instrument: str) -> DefectSettings:
    """Return the settings that a camera's pipelines use (Rubin cp_pipe, ``findDefects``).

    Parameters
    ----------
    image_type
        Kind of image that is searched.
    instrument
        Name of the camera; those other than LATISS have the defaults, with VALUE for biases, in which STDEV
        finds nothing.
    """
    if instrument == "LATISS":
        return _LATISS[image_type]
    return DefectSettings("VALUE" if image_type == "bias" else "STDEV")


def edges_for(instrument: str) -> tuple[int, int]:
    """Return the columns and rows at the edges of a camera's sensors that are defects in any case."""
    return _EDGES.get(instrument, (0, 0))
