"""Verification of the flat of one of many detectors: in itself, beside the others, and beside the one before.

Statistics of the detector:

``RESPONSE``, ``GRADIENT_RESIDUAL``
    Median of the flat over the light that was fitted to all detectors, less 1; largest change of that across
    the detector, along x or y.
``ITL_RATIO``
    Response of the ITL sensors over that of the E2V sensors, as fitted; 1 for a camera of one maker.
``LEVEL_RESIDUAL``
    Largest departure of this detector's level in one exposure from brightness times response (logarithm).
``PATTERN_MATCH``, ``PATTERN_STRENGTH``
    Correlation of the pixels' pattern with that of the flat before, freed of noise: 1 for the same sensor, 0
    for another; and the scatter of the pixels' response.
``N_FORMER``, ``FOREIGN``
    Flats before this one that tell whether it is of the same sensor, 0 or 1; 1 − PATTERN_MATCH, what speaks
    for another sensor, which is 0 where nothing does because there is no flat before, or no pattern.
``RESPONSE_CHANGE``, ``AMPLIFIER_CHANGE``
    Median of the flat over the one before, less 1; the largest departure of an amplifier from that.

Of each amplifier:

``AMPLIFIER_RESPONSE``
    The same as RESPONSE, beside the detector's own: gains of another sensor show here.
"""

import math
from dataclasses import dataclass

from infra.images import CalibrationImage
from infra.instruments.geometry import CameraModel
from infra.instruments.layout import DetectorLayout
from tasks.flat.checking.pattern import match_patterns
from tasks.flat.checking.response import measure_response, ratio_of_flats
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.levels.normalisation import FlatScales
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["FocalPlaneEvidence", "flat_of_many_statistics"]


@dataclass(frozen=True, slots=True, eq=False)
class FocalPlaneEvidence:
    """What the flat of one of many detectors is judged by; None for what is not at hand."""

    gradient: FlatGradient | None = None
    """The light that was fitted to the flats of all detectors."""
    reference: FlatGradient | None = None
    """Whose radial part the flats were given."""
    scales: FlatScales | None = None
    """Brightness and responses."""
    former: CalibrationImage | None = None
    """The flat in use until now."""


def flat_of_many_statistics(
    flat: CalibrationImage, layout: DetectorLayout, camera: CameraModel, evidence: FocalPlaneEvidence
) -> ProductMeasurement:
    """Measure the flat of one of many detectors.

    Parameters
    ----------
    flat
        The flat under test.
    layout, camera
        The detector and its camera.
    evidence
        What it is held against; what is not there leaves its statistics out.
    """
    detector: dict[str, float] = {}
    amplifiers: dict[str, StatisticValues] = {}
    if evidence.gradient is not None:
        response = measure_response(flat, layout, camera, evidence.gradient, evidence.reference)
        detector |= {
            "RESPONSE": response.detector,
            "GRADIENT_RESIDUAL": response.slope,
            "ITL_RATIO": evidence.gradient.itl_ratio,
        }
        amplifiers = {name: {"AMPLIFIER_RESPONSE": one} for name, one in response.amplifiers.items()}
    if evidence.scales is not None:
        detector["LEVEL_RESIDUAL"] = _level_residual(evidence.scales, layout.id)
    detector |= {"N_FORMER": 0.0, "FOREIGN": 0.0}
    if evidence.former is not None:
        pattern = match_patterns(flat, evidence.former, layout)
        change = ratio_of_flats(flat, evidence.former, layout)
        is_told = math.isfinite(pattern.match)
        detector |= {
            "PATTERN_MATCH": pattern.match,
            "PATTERN_STRENGTH": pattern.strength,
            "N_FORMER": float(is_told),
            "FOREIGN": 1.0 - pattern.match if is_told else 0.0,
            "RESPONSE_CHANGE": change.detector,
            "AMPLIFIER_CHANGE": max((abs(one) for one in change.amplifiers.values()), default=math.nan),
        }
    return ProductMeasurement(amplifiers=amplifiers, detector=detector)


def _level_residual(scales: FlatScales, detector: int) -> float:
    """Return the largest departure of a detector's levels; NaN where it has none."""
    own = [abs(value) for (number, _, _), value in scales.residual.items() if number == detector]
    return max((value for value in own if math.isfinite(value)), default=math.nan)
