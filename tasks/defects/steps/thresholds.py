"""Hot and cold pixels of one amplifier."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.defects.steps.model import ImageType
from tasks.defects.steps.settings import DefectSettings

__all__ = ["AmplifierFindings", "Scale", "find_in_amplifier", "inner_box"]

_MASKED_ROW = -1.0e30
"""Value that makes a row cold beyond doubt."""

_LEAST_LIGHT = 0.02
"""Fraction of the detector's level below which an amplifier has no light: no pixel of it has a response."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What turns the thresholds into units of the image."""

    exposure_time: float
    """Time (s) in which the counts of the image gathered; 1 for a dark in counts per second."""
    gain: float
    """electron/adu where the image is in adu."""
    in_electrons: bool
    """Whether the image is in electrons."""
    level: float = 0.0
    """Usual level of the detector (units of the image), by which an amplifier without light is known."""


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierFindings:
    """What was found in one amplifier; the box may be smaller than the amplifier."""

    box: Box
    """The pixels that were judged, in the trimmed image."""
    hot: npt.NDArray[np.bool_]
    """Shape ``box.shape``."""
    cold: npt.NDArray[np.bool_]
    """Shape ``box.shape``."""
    is_dead: bool = False
    """The amplifier has no scatter or no light; then all its pixels are defects, and none hot or cold."""
    is_empty: bool = False
    """There is nothing to judge."""


def inner_box(amplifier: AmplifierLayout, layout: DetectorLayout, border: int) -> Box:
    """Box of an amplifier without the rows and columns near the outer edges of the detector.

    Notes
    -----
    Rubin's cp_pipe takes the border from the right side of every amplifier that is not at the left edge, even
    where the next amplifier begins. Here only the edges of the sensor lose pixels.
    """
    ny, nx = layout.image_shape
    box = amplifier.image_box
    x0, x1 = max(box.x0, border), min(box.x1, nx - border)
    y0, y1 = max(box.y0, border), min(box.y1, ny - border)
    return Box(x0, y0, max(x1 - x0, 0), max(y1 - y0, 0))


def find_in_amplifier(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    amplifier: AmplifierLayout,
    layout: DetectorLayout,
    image_type: ImageType,
    settings: DefectSettings,
    scale: Scale,
) -> AmplifierFindings:
    """Find the pixels of an amplifier beyond its thresholds.

    Parameters
    ----------
    image, mask
        Trimmed image of the detector, shape (ny, nx), and its `MaskPlane` bits.
    amplifier, layout
        Where the pixels lie.
    image_type, settings
        Which thresholds hold.
    scale
        Unit and exposure time of the image.

    Notes
    -----
    Rubin cp_pipe: the amplifier's clipped mean (3 sigma, 3 iterations) is subtracted; a threshold in units
    of the image is divided by the clipped standard deviation, and multiplied by it again as it is once the
    midline rows of an E2V sensor have been overwritten. An amplifier whose standard deviation is 0 thus is a
    defect as a whole; so, here, is one whose flat has less than 2 % of the detector's level, and so no
    fraction to compare with: of an amplifier that reads noise only, chance would leave some pixels sound.
    """
    box = inner_box(amplifier, layout, settings.border)
    nothing = np.zeros(box.shape, np.bool_)
    pixels = image[box.slices].copy()
    pixels[mask[box.slices] & np.uint16(MaskPlane.NO_DATA) != 0] = np.nan
    statistics = clipped_statistics_of_amplifier(pixels)
    if statistics.n_used == 0:
        return AmplifierFindings(box, nothing, nothing, is_empty=True)
    high, low = _thresholds(image_type, settings, scale, statistics.mean, statistics.standard_deviation)
    is_fraction = settings.threshold_type == "VALUE" and image_type == "flat"
    without_light = is_fraction and statistics.mean <= max(_LEAST_LIGHT * scale.level, 0.0)
    if not statistics.standard_deviation > 0 or without_light:
        return AmplifierFindings(box, nothing, nothing, is_dead=True)
    pixels -= np.float32(statistics.mean)
    if image_type == "flat" and layout.vendor.upper() == "E2V" and settings.e2v_midline_rows > 0:
        _overwrite_midline(pixels, amplifier.image_box, layout, settings)
        edited = clipped_statistics_of_amplifier(pixels).standard_deviation
        high, low = (
            high * edited / statistics.standard_deviation,
            low * edited / statistics.standard_deviation,
        )
    hot = pixels >= high if math.isfinite(high) else nothing
    cold = -pixels >= low if math.isfinite(low) else nothing
    return AmplifierFindings(box, hot, cold)


def _thresholds(
    image_type: ImageType, settings: DefectSettings, scale: Scale, mean: float, sigma: float
) -> tuple[float, float]:
    """Distance above and below the mean from which a pixel is hot or cold; infinite where none is."""
    if settings.threshold_type == "STDEV":
        low = settings.cold_sigma * sigma if image_type == "flat" else math.inf
        return settings.bright_sigma * sigma, low
    if image_type == "flat":
        return math.inf, abs((settings.flat_value - 1.0) * mean)
    if image_type == "bias":
        return settings.bias_value * (scale.gain if scale.in_electrons else 1.0), math.inf
    time = scale.exposure_time if math.isfinite(scale.exposure_time) else 1.0
    return settings.dark_value * time / (1.0 if scale.in_electrons else scale.gain), math.inf


def _overwrite_midline(
    pixels: npt.NDArray[np.float32], box: Box, layout: DetectorLayout, settings: DefectSettings
) -> None:
    """Overwrite the rows beside the midline, where E2V sensors lose charge to the other half, in place."""
    value = np.float32(np.nanmedian(pixels) if settings.e2v_midline == "NEVERMASK" else _MASKED_ROW)
    if box.y1 < layout.image_shape[0]:
        pixels[-settings.e2v_midline_rows :] = value
    if box.y0 > 0:
        pixels[: settings.e2v_midline_rows] = value
