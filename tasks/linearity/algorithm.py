"""The linearizer: how each amplifier's counts follow the light, solved from a ramp of flat exposures."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.linearity.fitting.double_spline import DoubleSplineSettings, solve_double_spline
from tasks.linearity.fitting.focal_plane import FocalPlaneNormalization, normalize_focal_plane
from tasks.linearity.fitting.groups import automatic_groups, check_groups, groups_of_values
from tasks.linearity.fitting.polynomial import PolynomialSettings, solve_polynomial
from tasks.linearity.fitting.ramp import AmplifierRamp, DetectorRamp, light_of, single_exposures
from tasks.linearity.fitting.record import Solution, bad_amplifier, record
from tasks.linearity.fitting.reference import BinnedImages
from tasks.linearity.fitting.spline import solve_spline
from tasks.linearity.fitting.spline_model import SplineSettings
from tasks.linearity.fitting.turnoff import Turnoff, TurnoffSettings, find_turnoff
from tasks.linearity.inputs.curve import Abscissa, pairs_of_curve, ramp_of_curve
from tasks.linearity.solution.dataset import linearizer_from_table, linearizer_to_table
from tasks.linearity.solution.model import AmplifierLinearity, Linearizer

__all__ = [
    "Abscissa",
    "AmplifierLinearity",
    "AmplifierRamp",
    "BinnedImages",
    "DetectorRamp",
    "DoubleSplineSettings",
    "FocalPlaneNormalization",
    "LinearitySettings",
    "Linearizer",
    "PolynomialSettings",
    "SolvedType",
    "SplineSettings",
    "TurnoffSettings",
    "automatic_groups",
    "groups_of_values",
    "light_of",
    "linearizer_from_table",
    "linearizer_to_table",
    "normalize_focal_plane",
    "pairs_of_curve",
    "ramp_of_curve",
    "single_exposures",
    "solve_linearity",
]

type SolvedType = Literal["Squared", "Polynomial", "LookupTable", "Spline", "DoubleSpline"]
"""Kinds of correction that can be solved."""

_PTC_MARGIN = 1.3
"""A double spline's turnoff lies at most so many times above that of the photon transfer curve."""


@dataclass(frozen=True, slots=True)
class LinearitySettings:
    """How the linearizer is solved."""

    type: SolvedType = "DoubleSpline"
    """Kind of correction."""
    polynomial: PolynomialSettings = field(default_factory=PolynomialSettings)
    """For Squared, Polynomial and LookupTable."""
    spline: SplineSettings = field(default_factory=SplineSettings)
    """For Spline."""
    double_spline: DoubleSplineSettings = field(default_factory=DoubleSplineSettings)
    """For DoubleSpline."""
    turnoff: TurnoffSettings = field(default_factory=TurnoffSettings)
    """How the turnoff is found."""


def solve_linearity(
    ramp: DetectorRamp,
    settings: LinearitySettings,
    *,
    binned: BinnedImages | None = None,
    metadata: Metadata | None = None,
) -> Linearizer:
    """Solve the linearizer of one detector.

    Parameters
    ----------
    ramp
        Levels of the amplifiers: means of pairs, or for a DoubleSpline of single exposures.
    settings
        What to solve, and how.
    binned
        Binned images of the same exposures, for a DoubleSpline.
    metadata
        Provenance to write into the linearizer.

    Returns
    -------
    linearizer
        An amplifier that cannot be solved has the type "None" and a reason; the others are unharmed.

    Raises
    ------
    CalprodError
        A DoubleSpline without binned images; groups of photodiode charges that are too small.

    Notes
    -----
    Rubin cp_pipe, linearizer v1.8.
    """
    turnoffs = tuple(_turnoff(ramp, amplifier, settings) for amplifier in ramp.amplifiers)
    reference = None
    if settings.type == "DoubleSpline":
        if binned is None:
            raise CalprodError(
                "a linearizer of two splines needs binned images", "bin every exposure of the ramp"
            )
        reference, found = solve_double_spline(ramp, binned, turnoffs, settings.double_spline)
    else:
        if settings.type == "Spline" and np.unique(ramp.group_of_point[ramp.group_of_point >= 0]).size > 1:
            check_groups(ramp.group_of_point, settings.spline.fewest_in_group)
        found = tuple(
            _solve_amplifier(ramp, amplifier, turnoff, settings, row)
            for row, (amplifier, turnoff) in enumerate(zip(ramp.amplifiers, turnoffs, strict=True))
        )
    amplifiers = tuple(
        _linearity(ramp, amplifier, turnoff, one, settings)
        for amplifier, turnoff, one in zip(ramp.amplifiers, turnoffs, found, strict=True)
    )
    return Linearizer(
        detector=ramp.detector,
        amplifiers=amplifiers,
        table=_table(found, settings) if settings.type == "LookupTable" else None,
        reference_amplifier="" if reference is None else ramp.amplifiers[reference].name,
        metadata=dict(metadata or {}),
    )


def _turnoff(ramp: DetectorRamp, amplifier: AmplifierRamp, settings: LinearitySettings) -> Turnoff:
    """Turnoff of one amplifier."""
    options = settings.turnoff
    if settings.type == "DoubleSpline" and np.isfinite(amplifier.turnoff):
        highest = min(options.maximum, _PTC_MARGIN * amplifier.turnoff)
        options = replace(options, maximum=highest)
    return find_turnoff(ramp.light, amplifier.ordinate, amplifier.keep, ramp.group_of_point, options)


def _solve_amplifier(
    ramp: DetectorRamp, amplifier: AmplifierRamp, turnoff: Turnoff, settings: LinearitySettings, row: int
) -> Solution | str:
    """Solve one amplifier by itself, or say why not."""
    if amplifier.bad is not None:
        return amplifier.bad
    if not np.isfinite(amplifier.ordinate).any():
        return "no level is finite"
    if not np.isfinite(turnoff.value):
        return "no turnoff: no point has both light and signal"
    if settings.type == "Spline":
        return solve_spline(ramp, amplifier, turnoff, settings.spline)
    assert settings.type != "DoubleSpline"  # solved for all amplifiers together
    return solve_polynomial(ramp, amplifier, settings.type, settings.polynomial, row)


def _linearity(
    ramp: DetectorRamp,
    amplifier: AmplifierRamp,
    turnoff: Turnoff,
    found: Solution | str,
    settings: LinearitySettings,
) -> AmplifierLinearity:
    """Record of one amplifier, solved or not."""
    if isinstance(found, str):
        return bad_amplifier(ramp, amplifier, found)
    if np.count_nonzero(found.mask) < 2:
        return bad_amplifier(ramp, amplifier, "no points are left of the fit")
    recorded = record(ramp, amplifier, turnoff, found)
    lowest = settings.turnoff.minimum_signal
    if turnoff.value >= lowest:
        return recorded
    shallow = f"no level reaches the {lowest:g} adu from which the turnoff is sought"
    return replace(recorded, remarks=(*recorded.remarks, shallow))


def _table(found: tuple[Solution | str, ...], settings: LinearitySettings) -> npt.NDArray[np.float32]:
    """Lookup table of all amplifiers; the rows of those without a correction are 0."""
    table = np.zeros((len(found), settings.polynomial.n_table), np.float32)
    for row, one in zip(table, found, strict=True):
        if isinstance(one, Solution) and one.correction.table_row is not None:
            row[...] = one.correction.table_row
    return table
