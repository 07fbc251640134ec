"""Verification of a map of defects: in itself, against the map before it, and on exposures.

The tests of Rubin's cp_verify compare an exposure with and without its mask, which a map can hardly fail, and
ask for exactly as many outliers as defects, which no map passes. Here the questions are those of DMTN-101:
is too much masked, what is new and what is gone, and is everything masked that should be.

Statistics of the map itself, for each amplifier and the detector:

``N_PIXELS``, ``N_DEFECT_PIXELS``, ``FRACTION``
    Pixels, those of them that are defects, and their ratio.
``FRACTION_WITHOUT_EDGES``
    The same without the pixels that are defects only because they lie at the edge of the sensor; of the
    detector also without the amplifiers that are dead, which have a test of their own.
``N_HOT``, ``N_COLD``, ``N_COLUMN``, ``N_SATURATED``, ``N_EDGE``, ``N_MANUAL``, ``N_VAMPIRE``, ``N_DEAD``,
``N_UNKNOWN``
    Pixels by reason; one may have several.
``N_BAD_COLUMNS``, ``N_DEAD_AMPLIFIERS``
    Columns of amplifiers that are defects from end to end, and amplifiers all of whose pixels are.
``N_NEW``, ``N_GONE``, ``NEW_FRACTION``, ``GONE_FRACTION``, ``N_NEW_HOT``, ``N_GONE_HOT``, …
    Defects that the map before has not, and those it has alone, in pixels and by reason; new ones as a
    fraction of all pixels, gone ones as a fraction of the former defects. Only where there is a map before.

Statistics of an exposure from which bias, dark and flat have been removed, as far as they are at hand, in
electron by the nominal gain where it is in adu:

``DEFECT_PIXELS``, ``FRAC``
    Pixels the map masks.
``MEDIAN``, ``STDEV``, ``MIN``, ``MAX``, ``OUTLIERS``; the same with ``UNMASKED_``
    Of the pixels that are not defects, and of all; clipped at 5 sigma in three passes. OUTLIERS are the
    pixels that the last pass leaves out.
``STAT_OUTLIERS``, ``EXPECTED_OUTLIERS``, ``EXCESS_OUTLIERS``
    Pixels, neither defects nor hit by cosmic rays, farther than 5 STDEV from MEDIAN; how many a Gaussian has;
    and the fraction of the pixels that chance, to five of its own deviations, does not explain.
``N_COSMIC_RAY_PIXELS``
    Pixels hit by cosmic rays.
"""

import math

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier
from tasks.combine.cosmic_rays import CosmicRayRules, find_cosmic_rays
from tasks.defects.steps.model import DefectReason
from tasks.verification.model import StatisticValues
from tasks.verification.statistics import ResidualStatistics

__all__ = ["churn_statistics", "exposure_statistics", "map_statistics"]

_CLIP_SIGMA = 5.0
_CLIP_PASSES = 3
_NO_VALUE = MaskPlane.NO_DATA | MaskPlane.SAT | MaskPlane.UNMASKEDNAN
"""Planes whose pixels have no value to judge; BAD is not among them, since that is what is tested."""


def map_statistics(reasons: npt.NDArray[np.uint16], layout: DetectorLayout) -> dict[str, StatisticValues]:
    """Measure a map of defects.

    Parameters
    ----------
    reasons
        `DefectReason` bits, shape (ny, nx).
    layout
        Where the amplifiers lie.

    Returns
    -------
    statistics
        By amplifier name, and under "" for the whole detector.
    """
    whole = Box(0, 0, layout.image_shape[1], layout.image_shape[0])
    found = {one.name: _of_box(reasons[one.image_box.slices]) for one in layout.amplifiers}
    detector = _of_box(reasons[whole.slices])
    detector["N_BAD_COLUMNS"] = sum(values["N_BAD_COLUMNS"] for values in found.values())
    live = [values for values in found.values() if values["FRACTION"] < 1.0]
    detector["N_DEAD_AMPLIFIERS"] = float(len(found) - len(live))
    if live:  # of a detector that is dead as a whole the fraction stays
        sizes = [values["N_PIXELS"] for values in live]
        inner = [values["N_PIXELS"] * values["FRACTION_WITHOUT_EDGES"] for values in live]
        detector["FRACTION_WITHOUT_EDGES"] = math.fsum(inner) / math.fsum(sizes)
    return {**found, "": detector}


def churn_statistics(
    reasons: npt.NDArray[np.uint16], former: npt.NDArray[np.uint16], layout: DetectorLayout
) -> dict[str, StatisticValues]:
    """Compare a map of defects with the one before it.

    Parameters
    ----------
    reasons, former
        `DefectReason` bits, shape (ny, nx), of the map and of the one before.
    layout
        Where the amplifiers lie.

    Returns
    -------
    statistics
        By amplifier name, and under "" for the whole detector.
    """
    boxes = {one.name: one.image_box for one in layout.amplifiers}
    boxes[""] = Box(0, 0, layout.image_shape[1], layout.image_shape[0])
    return {name: _churn(reasons[box.slices], former[box.slices]) for name, box in boxes.items()}


def exposure_statistics(
    residual: CorrectedExposure, layout: DetectorLayout, defects: npt.NDArray[np.bool_]
) -> ResidualStatistics:
    """Measure an exposure with and without its defects masked.

    Parameters
    ----------
    residual
        Exposure without bias, dark and flat, shape (ny, nx), any unit.
    layout
        Where the amplifiers lie.
    defects
        True for a defect, shape (ny, nx).
    """
    amplifiers = {one.name: _of_amplifier(residual, one, defects) for one in layout.amplifiers}
    problems = {
        name: "no usable pixel outside the defects"
        for name, values in amplifiers.items()
        if values["FRAC"] < 1.0 and not math.isfinite(values["STDEV"])
    }
    detector = {
        name: math.fsum(values[name] for values in amplifiers.values())
        for name in ("DEFECT_PIXELS", "STAT_OUTLIERS", "EXPECTED_OUTLIERS", "N_COSMIC_RAY_PIXELS")
    }
    return ResidualStatistics(amplifiers, detector, problems)


def _of_box(reasons: npt.NDArray[np.uint16]) -> StatisticValues:
    """Statistics of the map within a box."""
    is_defect = reasons != 0
    is_column = reasons & np.uint16(DefectReason.COLUMN) != 0
    n_defects = np.count_nonzero(is_defect)
    inner = np.count_nonzero(is_defect & (reasons != np.uint16(DefectReason.EDGE)))
    values: StatisticValues = {
        "N_PIXELS": float(reasons.size),
        "N_DEFECT_PIXELS": float(n_defects),
        "FRACTION": n_defects / reasons.size,
        "FRACTION_WITHOUT_EDGES": inner / reasons.size,
        "N_BAD_COLUMNS": float(np.count_nonzero(is_column.all(axis=0))),
    }
    return values | {f"N_{one.name}": _count(reasons, one) for one in DefectReason}


def _count(reasons: npt.NDArray[np.uint16], reason: DefectReason) -> float:
    return float(np.count_nonzero(reasons & np.uint16(reason)))


def _churn(reasons: npt.NDArray[np.uint16], former: npt.NDArray[np.uint16]) -> StatisticValues:
    """Compare the maps within a box."""
    # The edge is no finding: a new setting of its width is not churn.
    edge = np.uint16(DefectReason.EDGE)
    now, before = reasons & ~edge, former & ~edge
    new, gone = np.where(before == 0, now, 0), np.where(now == 0, before, 0)
    n_before = np.count_nonzero(before)
    n_new, n_gone = float(np.count_nonzero(new)), float(np.count_nonzero(gone))
    values: StatisticValues = {
        "N_NEW": n_new,
        "N_GONE": n_gone,
        "NEW_FRACTION": n_new / reasons.size,
        "GONE_FRACTION": n_gone / n_before if n_before else 0.0,
    }
    for one in DefectReason:
        if one is not DefectReason.EDGE:
            values |= {f"N_NEW_{one.name}": _count(new, one), f"N_GONE_{one.name}": _count(gone, one)}
    return values


def _of_amplifier(
    residual: CorrectedExposure, amplifier: AmplifierLayout, defects: npt.NDArray[np.bool_]
) -> StatisticValues:
    """Statistics of one amplifier of an exposure."""
    slices = amplifier.image_box.slices
    image, is_defect = residual.image[slices], defects[slices]
    mask = residual.mask[slices] & np.uint16(_NO_VALUE)
    gain = 1.0 if residual.unit == "electron" else amplifier.gain
    values: StatisticValues = {}
    for prefix in ("UNMASKED_", ""):
        if not prefix:
            mask = np.where(is_defect, mask | np.uint16(MaskPlane.BAD), mask)
        clipped = clipped_statistics_of_amplifier(
            image, mask, _NO_VALUE | MaskPlane.BAD, _CLIP_SIGMA, _CLIP_PASSES
        )
        used = image[(mask == 0) & np.isfinite(image)]
        values |= {
            f"{prefix}MEDIAN": gain * clipped.median,
            f"{prefix}STDEV": gain * clipped.standard_deviation,
            f"{prefix}MIN": gain * float(used.min()) if used.size else math.nan,
            f"{prefix}MAX": gain * float(used.max()) if used.size else math.nan,
            f"{prefix}OUTLIERS": float(clipped.n_valid - clipped.n_used),
        }
    sigma, median = values["STDEV"] / gain, values["MEDIAN"] / gain
    rays = find_cosmic_rays(image, mask, int(_NO_VALUE | MaskPlane.BAD), median, sigma, CosmicRayRules())
    far = (np.abs(image - np.float32(median)) > np.float32(_CLIP_SIGMA * sigma)) & (mask == 0)
    if not rays.gave_up:
        far.reshape(-1)[rays.pixels] = False
    n_far, n_valid = float(np.count_nonzero(far)), rays.n_valid
    expected = n_valid * math.erfc(_CLIP_SIGMA / math.sqrt(2.0))
    # Five deviations of a count that is Poisson; one is added so that one outlier of none expected is chance.
    allowed = expected + 5.0 * math.sqrt(expected + 1.0)
    measured = math.isfinite(sigma) and n_valid > 0
    return values | {
        "N_PIXELS": float(image.size),
        "DEFECT_PIXELS": float(np.count_nonzero(is_defect)),
        "FRAC": float(np.count_nonzero(is_defect)) / image.size,
        "STAT_OUTLIERS": n_far if measured else math.nan,
        "EXPECTED_OUTLIERS": expected,
        "EXCESS_OUTLIERS": max(n_far - allowed, 0.0) / n_valid if measured else math.nan,
        "N_COSMIC_RAY_PIXELS": 0.0 if rays.gave_up else float(rays.pixels.size),
    }
