"""Statistics of a residual image, per amplifier and per detector (Rubin cp_verify; DMTN-101 §4-§6).

Names are those of cp_verify, so that tables and trends can be compared:

``MEAN``
    Plain mean (electron).
``MEDIAN``
    Median (electron).
``NOISE``
    Standard deviation clipped at 5 sigma in three passes, the first about the median with the interquartile
    range (electron).
``CR_MEAN``, ``CR_NOISE``
    Plain mean and standard deviation of the pixels not hit by cosmic rays (electron).
``AMP_CORNER``
    Plain mean of a box of 200 x 200 pixels at the readout corner (electron).
``READ_NOISE_ADU``
    Scatter of the serial overscan after its correction, from the exposure's header (adu).
``GAIN``, ``READ_NOISE``
    Those the correction used, from the exposure's header (electron/adu, electron).
``EXPECTED_NOISE``
    What NOISE should be, by the noise model of the calibration (electron).
``N_PIXELS``, ``N_OVERSCAN_PIXELS``, ``N_COSMIC_RAY_PIXELS``
    Usable pixels, pixels of the serial overscan, and usable pixels hit by cosmic rays.

For the detector, ``MEAN`` is the mean of the amplifiers' means and ``SCATTER`` their population standard
deviation (electron). Pixels of the planes DETECTED, BAD and NO_DATA and pixels that are not finite are left
out. An amplifier without usable pixels has NaN statistics, which the tests report as could-not-run.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numba
import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images.mask_planes import MaskPlane
from infra.images.model import CorrectedExposure, Metadata
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.verification.cosmic_rays import CosmicRayRules, statistics_without_cosmic_rays
from tasks.verification.model import StatisticValues

__all__ = [
    "EXCLUDED_PLANES",
    "ResidualStatistics",
    "amplifier_corner",
    "amplifier_statistics",
    "detector_statistics",
    "plain_mean",
    "population_scatter",
    "with_expected_noise",
]

EXCLUDED_PLANES = MaskPlane.DETECTED | MaskPlane.BAD | MaskPlane.NO_DATA
"""Planes whose pixels no statistic uses (Rubin cp_verify)."""

CLIP_SIGMA = 5.0
CLIP_PASSES = 3

CORNER_SIDE = 200
"""Side of the readout-corner box of a full-size amplifier (pixel)."""
FULL_SEGMENT = (2000, 509)
"""Rows and columns of the smallest full-size amplifier; the corner of smaller ones is in proportion."""


@dataclass(frozen=True, slots=True)
class ResidualStatistics:
    """Statistics of one residual image."""

    amplifiers: dict[str, StatisticValues]
    """Statistics by amplifier name, in the detector's order."""
    detector: StatisticValues
    """Statistics of the whole detector."""
    problems: dict[str, str]
    """Why processing gave up, by amplifier name."""


def amplifier_statistics(
    exposure: CorrectedExposure,
    amplifier: AmplifierLayout,
    cosmic_ray_rules: CosmicRayRules | None = None,
) -> StatisticValues:
    """Measure one amplifier of a residual image.

    Parameters
    ----------
    exposure
        Residual: an exposure with the calibration applied, in electron.
    amplifier
        Place and readout corner of the amplifier.
    cosmic_ray_rules
        Thresholds; without them CR_MEAN, CR_NOISE and N_COSMIC_RAY_PIXELS are left out.

    Returns
    -------
    StatisticValues
        The statistics named in the module's description, without EXPECTED_NOISE; NaN where there is no value.
    """
    image, mask = exposure.image[amplifier.image_box.slices], exposure.mask[amplifier.image_box.slices]
    clipped = clipped_statistics_of_amplifier(image, mask, EXCLUDED_PLANES, CLIP_SIGMA, CLIP_PASSES)
    corner = amplifier_corner(amplifier).slices
    statistics: StatisticValues = {
        "MEAN": plain_mean(image, mask),
        "MEDIAN": clipped.median,
        "NOISE": clipped.standard_deviation,
        "AMP_CORNER": plain_mean(exposure.image[corner], exposure.mask[corner]),
        "READ_NOISE_ADU": _card(
            exposure.metadata, f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {amplifier.name}"
        ),
        "GAIN": _card(exposure.metadata, f"LSST ISR GAIN {amplifier.name}"),
        "READ_NOISE": _card(exposure.metadata, f"LSST ISR READNOISE {amplifier.name}"),
        "N_PIXELS": float(clipped.n_valid),
        "N_OVERSCAN_PIXELS": float(amplifier.serial_overscan_box.area),
    }
    if cosmic_ray_rules is not None:
        cleaned = statistics_without_cosmic_rays(
            image,
            mask,
            EXCLUDED_PLANES,
            clipped.mean,
            statistics["NOISE"],
            cosmic_ray_rules,
        )
        statistics["CR_MEAN"] = cleaned.mean
        statistics["CR_NOISE"] = cleaned.standard_deviation
        statistics["N_COSMIC_RAY_PIXELS"] = float(cleaned.n_rejected)
    return statistics


def detector_statistics(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    cosmic_ray_rules: CosmicRayRules | None = None,
) -> ResidualStatistics:
    """Measure every amplifier of a residual image, and the detector as a whole.

    Parameters
    ----------
    exposure
        Residual: an exposure with the calibration applied, in electron.
    layout
        The detector's amplifiers.
    cosmic_ray_rules
        Thresholds; without them CR_MEAN, CR_NOISE and N_COSMIC_RAY_PIXELS are left out.

    Raises
    ------
    CalprodError
        If the residual is not in electron, or not of the layout's shape.
    """
    if exposure.unit != "electron":
        raise CalprodError(
            f"the residual of detector {layout.name} is in {exposure.unit}, and all limits are in electron",
            "apply the gains in the correction that precedes verification",
        )
    if exposure.image.shape != layout.image_shape:
        raise CalprodError(
            f"the residual of detector {layout.name} has shape {exposure.image.shape}, "
            f"its layout {layout.image_shape}",
            "pass the layout of the raw the residual was made from",
        )
    amplifiers = {
        amplifier.name: amplifier_statistics(exposure, amplifier, cosmic_ray_rules)
        for amplifier in layout.amplifiers
    }
    means = [values["MEAN"] for values in amplifiers.values()]
    detector = {"MEAN": _finite_mean(means), "SCATTER": population_scatter(means)}
    return ResidualStatistics(amplifiers, detector, _problems(amplifiers))


def with_expected_noise(
    measured: ResidualStatistics, expected_noise: Callable[[str, StatisticValues], float]
) -> ResidualStatistics:
    """Return the statistics with EXPECTED_NOISE (electron) added to every amplifier.

    Parameters
    ----------
    measured
        Statistics without it.
    expected_noise
        Gives the expected noise from an amplifier's name and statistics.
    """
    amplifiers = {
        name: values | {"EXPECTED_NOISE": expected_noise(name, values)}
        for name, values in measured.amplifiers.items()
    }
    return replace(measured, amplifiers=amplifiers)


def plain_mean(image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16]) -> float:
    """Return the mean of the finite pixels outside `EXCLUDED_PLANES`; NaN when there are none."""
    count, total = _sum(image, mask, np.uint16(EXCLUDED_PLANES))
    return total / count if count else math.nan


def population_scatter(values: list[float]) -> float:
    """Return the population standard deviation of the finite values; NaN when there are none."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.std(finite)) if finite else math.nan


def amplifier_corner(amplifier: AmplifierLayout) -> Box:
    """Return the box at the readout corner: 200 x 200 pixels, in proportion less for smaller amplifiers."""
    box = amplifier.image_box
    height = min(CORNER_SIDE, max(1, round(CORNER_SIDE * box.height / FULL_SEGMENT[0])))
    width = min(CORNER_SIDE, max(1, round(CORNER_SIDE * box.width / FULL_SEGMENT[1])))
    vertical, horizontal = amplifier.readout_corner
    y0 = box.y0 if vertical == "L" else box.y1 - height
    x0 = box.x0 if horizontal == "L" else box.x1 - width
    return Box(x0, y0, width, height)


def _problems(amplifiers: Mapping[str, StatisticValues]) -> dict[str, str]:
    """Return the amplifiers in which the cosmic-ray finder gave up, with the reason."""
    return {
        name: f"the cosmic-ray finder gave up: {values['N_COSMIC_RAY_PIXELS']:.0f} of "
        f"{values['N_PIXELS']:.0f} pixels look like cosmic rays"
        for name, values in amplifiers.items()
        if values.get("N_COSMIC_RAY_PIXELS", 0.0) > 0 and math.isnan(values["CR_NOISE"])
    }


def _finite_mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan


def _card(metadata: Metadata, key: str) -> float:
    """Return a number of the header, NaN when it is missing or no number."""
    value = metadata.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})
def _sum(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16], excluded: np.uint16
) -> tuple[int, float]:  # pragma: no cover
    """Return the number of usable pixels and their sum; without branches, so that it runs vectorised."""
    count, total = 0, 0.0
    for y in range(image.shape[0]):
        row_count, row_total = 0, 0.0
        for x in range(image.shape[1]):
            usable = ((mask[y, x] & excluded) == 0) & np.isfinite(image[y, x])
            row_count += 1 if usable else 0
            row_total += np.float64(image[y, x]) if usable else 0.0
        count += row_count
        total += row_total
    return count, total
