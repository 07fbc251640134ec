"""The defects of a detector, from its combined bias, dark and flat.

Each image is searched for itself (`find_defects`); what they show is put together (`merge_defects`), cut into
rectangles and written as a table (`defects_of_map`, `defects_to_table`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.layout import Box, DetectorLayout
from tasks.defects.steps.columns import columns_to_fill, runs_in_columns
from tasks.defects.steps.gradient import divide_by_radial_gradient
from tasks.defects.steps.growth import beside_saturated, grown
from tasks.defects.steps.merging import merge_defects
from tasks.defects.steps.model import Defect, DefectMap, DefectReason, ImageType
from tasks.defects.steps.rectangles import rectangles
from tasks.defects.steps.settings import DefectSettings, MergeMode, edges_for, settings_for
from tasks.defects.steps.tables import defects_from_table, defects_to_region_table, defects_to_table
from tasks.defects.steps.thresholds import AmplifierFindings, Scale, find_in_amplifier

__all__ = [
    "Defect",
    "DefectMap",
    "DefectReason",
    "DefectSettings",
    "ImageType",
    "MergeMode",
    "defects_from_table",
    "defects_of_map",
    "defects_to_region_table",
    "defects_to_table",
    "edges_for",
    "find_defects",
    "image_of_most_inputs",
    "merge_defects",
    "settings_for",
]


def find_defects(
    calibration: CalibrationImage,
    layout: DetectorLayout,
    image_type: ImageType,
    settings: DefectSettings,
    *,
    exposure_time: float = 1.0,
) -> DefectMap:
    """Find the defects that one combined image shows.

    Parameters
    ----------
    calibration
        Combined bias, dark or flat; its card ``LSST ISR UNITS`` tells electron from adu, which is assumed
        without it. Pixels that are SAT in its mask are saturated.
    layout
        Where the amplifiers lie, with their nominal gains and the maker of the sensor.
    image_type
        What the image is.
    settings
        Thresholds, and what is done about columns.
    exposure_time
        Time (s) in which the counts of a dark gathered; 1 for a combined dark, which is in counts per second.
        NaN counts as 1.

    Returns
    -------
    defects
        With the reason of each. Amplifiers without a usable pixel are skipped, and named.

    Raises
    ------
    CalprodError
        The image has another shape than the layout.

    Notes
    -----
    Rubin cp_pipe, MeasureDefects, in its order: thresholds, neighbours of saturated pixels, runs along
    columns, full columns. Two things differ on purpose. Runs are searched within each amplifier's column:
    the two halves of a sensor are read in opposite directions, and a trap in one says nothing of the other.
    And a column that is given up both for its defects and for its saturated pixels is counted once.
    Pixels that the combination had to fill, for want of any value, are defects too.
    """
    if calibration.image.shape != layout.image_shape:
        raise CalprodError(
            f"a {image_type} of shape {calibration.image.shape} for detector {layout.name}, which has "
            f"{layout.image_shape}",
            "use images of that detector in one readout mode",
        )
    reasons = np.zeros(layout.image_shape, np.uint16)
    if image_type == "bias" and settings.threshold_type == "STDEV":
        warning = "thresholds in standard deviations find nothing in a bias: use threshold type VALUE"
        return DefectMap(reasons, *_no_counts(layout), warnings=(warning,))
    saturated = calibration.mask & np.uint16(MaskPlane.SAT) != 0
    found = _thresholds(reasons, calibration, layout, image_type, settings, exposure_time)
    if settings.bad_pixels_are_defects:
        reasons[calibration.mask & np.uint16(MaskPlane.BAD) != 0] |= np.uint16(DefectReason.UNKNOWN)
    if image_type == "flat" and settings.vampire_threshold is not None:
        vampires = grown(calibration.image >= settings.vampire_threshold, settings.vampire_radius)
        reasons[vampires] |= np.uint16(DefectReason.VAMPIRE)
    reasons[beside_saturated(saturated, settings.saturated_dilation)] |= np.uint16(DefectReason.SATURATED)
    _mark_runs(reasons, layout, settings)
    n_bad_columns = _fill_columns(reasons, saturated, layout, settings)
    dead = tuple(name for name, one in found.items() if one.is_dead)
    return DefectMap(
        reasons,
        n_hot={name: int(np.count_nonzero(one.hot)) for name, one in found.items()},
        n_cold={name: int(np.count_nonzero(one.cold)) for name, one in found.items()},
        n_bad_columns=n_bad_columns,
        skipped=tuple(name for name, one in found.items() if one.is_empty),
        dead=dead,
        warnings=tuple(f"amplifier {name} has no scatter or no light in the {image_type}" for name in dead),
    )


def defects_of_map(defects: DefectMap) -> tuple[Defect, ...]:
    """Cut the defects of a map into rectangles with their reasons, ordered by x0 and y0."""
    return rectangles(defects.reasons)


def image_of_most_inputs(calibrations: Sequence[CalibrationImage]) -> CalibrationImage:
    """Choose, of several combined images of one kind, the one made of most exposures; the first of equals.

    Raises
    ------
    CalprodError
        There is none.
    """
    if not calibrations:
        raise CalprodError("no combined image to choose from", "combine exposures first")
    return max(calibrations, key=_n_inputs)


def _n_inputs(calibration: CalibrationImage) -> int:
    """Count the exposures that a combined image names in its header."""
    return sum(
        key.removeprefix("CPP_INPUT_").isdigit() for key in calibration.metadata if "CPP_INPUT_" in key
    )


def _thresholds(
    reasons: npt.NDArray[np.uint16],
    calibration: CalibrationImage,
    layout: DetectorLayout,
    image_type: ImageType,
    settings: DefectSettings,
    exposure_time: float,
) -> dict[str, AmplifierFindings]:
    """Search every amplifier, and enter what is found into ``reasons``."""
    image = calibration.image
    if settings.fit_gradient and image_type == "flat":
        ny, nx = layout.image_shape
        image = image.copy()
        centre = settings.gradient_centre or ((nx - 1) / 2, (ny - 1) / 2)
        for one in layout.amplifiers:
            image[one.image_box.slices] = divide_by_radial_gradient(calibration.image, one.image_box, centre)
    in_electrons = calibration.metadata.get("LSST ISR UNITS", "adu") == "electron"
    sample = image[::8, ::8]
    level = float(np.median(sample[np.isfinite(sample)])) if np.isfinite(sample).any() else 0.0
    found = {}
    for one in layout.amplifiers:
        scale = Scale(exposure_time, one.gain, in_electrons, level)
        findings = find_in_amplifier(image, calibration.mask, one, layout, image_type, settings, scale)
        pixels = reasons[findings.box.slices]
        pixels[findings.hot] |= np.uint16(DefectReason.HOT)
        pixels[findings.cold] |= np.uint16(DefectReason.COLD)
        if findings.is_dead:
            pixels |= np.uint16(DefectReason.DEAD)
        found[one.name] = findings
    return found


def _mark_runs(reasons: npt.NDArray[np.uint16], layout: DetectorLayout, settings: DefectSettings) -> None:
    """Enter the runs along columns."""
    ny, nx = layout.image_shape
    whole = [Box(0, 0, nx, ny)]
    boxes = whole if settings.columns_across_amplifiers else [one.image_box for one in layout.amplifiers]
    # What is dead as a whole is not a set of columns.
    defects = (reasons != 0) & (reasons & np.uint16(DefectReason.DEAD) == 0)
    for box in boxes:
        runs = runs_in_columns(defects[box.slices], settings.column_threshold, settings.column_gap)
        reasons[box.slices][runs] |= np.uint16(DefectReason.COLUMN)


def _fill_columns(
    reasons: npt.NDArray[np.uint16],
    saturated: npt.NDArray[np.bool_],
    layout: DetectorLayout,
    settings: DefectSettings,
) -> int:
    """Enter the columns that are given up as a whole; count them."""
    n_columns = 0
    for one in layout.amplifiers:
        pixels, is_saturated = reasons[one.image_box.slices], saturated[one.image_box.slices]
        defects = (pixels != 0) & (pixels & np.uint16(DefectReason.DEAD) == 0)
        limits = settings.bad_pixels_to_fill, settings.saturated_pixels_to_fill
        for x in np.flatnonzero(columns_to_fill(defects, is_saturated, *limits)):
            pixels[:, x] |= np.uint16(DefectReason.COLUMN)
            if is_saturated[:, x].any():
                pixels[:, x] |= np.uint16(DefectReason.SATURATED)
            n_columns += 1
    return n_columns


def _no_counts(layout: DetectorLayout) -> tuple[dict[str, int], dict[str, int]]:
    """Return the counts of an image in which nothing is found."""
    names = [one.name for one in layout.amplifiers]
    return dict.fromkeys(names, 0), dict.fromkeys(names, 0)
