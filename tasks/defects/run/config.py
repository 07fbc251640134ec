"""What a pipeline may change of the search for defects."""

from dataclasses import replace
from typing import Any

from lsst.pex.config import ChoiceField, Config, ConfigField, Field, ListField, RangeField

from tasks.defects.steps.model import ImageType
from tasks.defects.steps.settings import DefectSettings, edges_for, settings_for

__all__ = ["DefectsConfig", "SearchConfig"]


def _number(doc: str) -> Any:
    return Field[float](dtype=float, default=None, optional=True, doc=doc)


def _count(doc: str) -> Any:
    return RangeField(dtype=int, default=None, optional=True, min=0, doc=doc)


class SearchConfig(Config):
    """Settings for one kind of image; what is not given is the camera's own, as `settings_for` has it."""

    threshold_type = ChoiceField[str](
        dtype=str,
        default=None,
        optional=True,
        doc="Unit of the thresholds.",
        allowed={"STDEV": "Standard deviations of each amplifier.", "VALUE": "Units of the image."},
    )
    bright_sigma = _number("STDEV: hot from this many standard deviations above the mean.")
    cold_sigma = _number("STDEV, flats: cold from this many standard deviations below the mean.")
    bias_value = _number("VALUE, biases: hot from this much above the mean (adu).")
    dark_value = _number("VALUE, darks: hot from this much above the mean (electron/s).")
    flat_value = _number("VALUE, flats: cold up to this fraction of the mean.")
    border = _count("Rows and columns left out at the outer edges of the sensor.")
    saturated_dilation = _count("Pixels beside a saturated one that are defects with it; 0 for none.")
    column_threshold = _count("A column with this many defects has runs of them.")
    column_gap = _count("Defects of a column this far apart belong to two runs.")
    columns_across_amplifiers = Field[bool](
        dtype=bool, default=None, optional=True, doc="Search runs across the midline, as Rubin does."
    )
    bad_pixels_to_fill = Field[int](
        dtype=int,
        default=None,
        optional=True,
        doc="An amplifier's column with this many defects is one as a whole; below 0 for never.",
    )
    saturated_pixels_to_fill = Field[int](
        dtype=int,
        default=None,
        optional=True,
        doc="An amplifier's column with this many saturated pixels is one as a whole; below 0 for never.",
    )
    e2v_midline = ChoiceField[str](
        dtype=str,
        default=None,
        optional=True,
        doc="What becomes of the rows beside the midline of an E2V sensor's flat.",
        allowed={"NEVERMASK": "Never a defect.", "MASK": "Always a defect."},
    )
    e2v_midline_rows = _count("Number of such rows on either side; 0 treats them as any other.")
    fit_gradient = Field[bool](
        dtype=bool, default=None, optional=True, doc="Flats: divide out a radial gradient first."
    )
    gradient_centre = ListField[float](
        dtype=float, default=None, optional=True, length=2, doc="Its centre x, y (pixel); the detector's."
    )
    vampire_threshold = _number("Flats: pixels at or above this, relative to 1, are vampires.")
    vampire_radius = _count("Pixels this near to a vampire are defects.")
    bad_pixels_are_defects = Field[bool](
        dtype=bool, default=None, optional=True, doc="Pixels without a value in any exposure are defects."
    )

    def settings(self, image_type: ImageType, instrument: str) -> DefectSettings:
        """Return the settings of a camera with the changes of this configuration.

        Raises
        ------
        UsageError
            A number is out of range.
        """
        given = {key: value for key, value in self.toDict().items() if value is not None}
        if "gradient_centre" in given:
            given["gradient_centre"] = tuple(given["gradient_centre"])
        return replace(settings_for(image_type, instrument), **given)


class DefectsConfig(Config):
    """Settings of the search for defects in all images."""

    bias = ConfigField[SearchConfig](dtype=SearchConfig, doc="Thresholds for the bias.")
    dark = ConfigField[SearchConfig](dtype=SearchConfig, doc="Thresholds for the dark.")
    flat = ConfigField[SearchConfig](dtype=SearchConfig, doc="Thresholds for the flat.")
    edge_columns = _count("Columns at the left and right that are defects in any case; else the camera's.")
    edge_rows = _count("Rows at the bottom and top that are defects in any case; else the camera's.")
    form = ChoiceField[str](
        dtype=str,
        default="boxes",
        doc="Columns of the table; ip_isr reads either.",
        allowed={
            "boxes": "x0, y0, width, height, reason.",
            "regions": "X, Y, SHAPE, R, ROTANG, COMPONENT of the FITS region standard, and REASON.",
        },
    )

    def edges(self, instrument: str) -> tuple[int, int]:
        """Return the columns and rows at the edges that are defects in any case."""
        columns, rows = edges_for(instrument)
        return (
            columns if self.edge_columns is None else self.edge_columns,
            rows if self.edge_rows is None else self.edge_rows,
        )
