"""Linearity as two splines: of each amplifier relative to the best one, and of that one against the light."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tasks.isr.akima import interpolate_akima
from tasks.isr.linearity import LinearityCorrection
from tasks.linearity.fitting.node_choice import fit_chosen_nodes
from tasks.linearity.fitting.nodes import distinct_levels, node_positions, supported_nodes
from tasks.linearity.fitting.ramp import DetectorRamp
from tasks.linearity.fitting.record import Solution
from tasks.linearity.fitting.reference import BinnedImages, choose_reference, reference_levels
from tasks.linearity.fitting.spline import corrected_light, spline_data
from tasks.linearity.fitting.spline_fit import SplineFit
from tasks.linearity.fitting.spline_model import SplineSettings
from tasks.linearity.fitting.turnoff import Turnoff

__all__ = ["DoubleSplineSettings", "solve_double_spline"]

type FloatArray = npt.NDArray[np.float64]
type BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DoubleSplineSettings:
    """How the two splines are fitted."""

    low_threshold: float = 5000.0
    """Level (adu) below which the nodes of the relative spline are dense."""
    first_node: float = 100.0
    """First of them (adu)."""
    low_size: float = 750.0
    """Distance of nodes of the relative spline below the threshold (adu)."""
    mid_size: float = 5000.0
    """The same up to the turnoff of the photon transfer curve (adu)."""
    high_size: float = 2000.0
    """The same beyond (adu)."""
    absolute_size: float = 3000.0
    """Distance of nodes of the absolute spline (adu); Rubin takes 10000 in a first normalisation pass."""
    largest_correction: float = 10_000.0
    """Largest relative correction at the last node (adu)."""
    fit: SplineSettings = field(default_factory=SplineSettings)
    """How each spline is fitted."""


def solve_double_spline(
    ramp: DetectorRamp,
    binned: BinnedImages,
    turnoffs: tuple[Turnoff, ...],
    settings: DoubleSplineSettings,
) -> tuple[int | None, tuple[Solution | str, ...]]:
    """Fit the double spline of one detector.

    Parameters
    ----------
    ramp
        Levels of single exposures.
    binned
        The same exposures.
    turnoffs
        Of each amplifier of the ramp.
    settings
        How to fit.

    Returns
    -------
    reference
        Place of the reference amplifier; None if no amplifier can be one.
    solutions
        Of each amplifier: what was found, or the reason why nothing was.

    Notes
    -----
    Rubin cp_pipe ("DoubleSpline"). The relative spline of an amplifier is fitted against what the pattern of
    the light says it should have if it responded like the reference amplifier; the absolute spline is that
    amplifier's own, with an offset and in two rounds. Applied one after the other, the second takes the
    argument the first has left. Rubin expects an amplifier that gets A times the light of the reference
    amplifier to show A times its counts; since those are not linear, that leaves (A − 1) times the slope of
    the correction, 1e-4 for a pattern of 1 %. Here it is expected to show what the reference amplifier itself
    would show in that light.
    """
    reference = choose_reference(ramp, turnoffs)
    if reference is None:
        return None, ("no amplifier of the detector is sound enough to be the reference",) * len(
            ramp.amplifiers
        )
    levels = reference_levels(ramp, binned, reference)
    absolute = _absolute(ramp, levels.counts, turnoffs[reference], reference, settings)
    if isinstance(absolute, str):
        why = f"reference amplifier {ramp.amplifiers[reference].name}: {absolute}"
        return None, (why,) * len(ramp.amplifiers)
    absolute_fit, absolute_used = absolute
    light = corrected_light(ramp, absolute_used, absolute_fit)
    solutions: list[Solution | str] = []
    for i in range(len(ramp.amplifiers)):
        if i == reference:
            solutions.append(_solution(None, absolute_fit, absolute_used, light, 1.0))
            continue
        own = levels.counts * levels.pattern[i] * levels.ratios[i]
        expected = _expected(absolute_fit, levels.counts, float(levels.pattern[i]))
        relative = _relative(ramp, i, expected, own, turnoffs[i], settings)
        if isinstance(relative, str):
            solutions.append(relative)
        else:
            pattern = float(levels.pattern[i])
            solutions.append(_solution(relative[0], absolute_fit, relative[1], light, pattern))
    return reference, _padded(solutions)


def _absolute(
    ramp: DetectorRamp, counts: FloatArray, turnoff: Turnoff, reference: int, settings: DoubleSplineSettings
) -> tuple[SplineFit, BoolArray] | str:
    """Fit the reference amplifier against the light; give the points used as well."""
    ptc_turnoff = ramp.amplifiers[reference].turnoff
    used = turnoff.below & np.isfinite(counts) & (counts > settings.fit.minimum) & (ramp.group_of_point >= 0)
    size = settings.absolute_size
    nodes = node_positions(0.0, ptc_turnoff, turnoff.value, mid_size=size, high_size=size)
    options = replace(settings.fit, fit_offset=True)
    n_groups = np.unique(ramp.group_of_point[used]).size
    return _fitted(ramp, ramp.light, counts, used, nodes, ptc_turnoff, options, turnoff, 2, n_groups)


def _relative(
    ramp: DetectorRamp,
    index: int,
    expected: FloatArray,
    levels: FloatArray,
    turnoff: Turnoff,
    settings: DoubleSplineSettings,
) -> tuple[SplineFit, BoolArray] | str:
    """Fit an amplifier against the level the reference amplifier gives it; give the points used as well."""
    amplifier = ramp.amplifiers[index]
    if amplifier.bad is not None:
        return amplifier.bad
    if not (np.isfinite(turnoff.value) and np.isfinite(amplifier.turnoff)):
        return "no finite turnoff"
    used = turnoff.below & np.isfinite(levels) & np.isfinite(expected) & (expected > 0)
    used &= (levels > settings.fit.minimum) & (levels < turnoff.value) & (ramp.group_of_point >= 0)
    if not used.any():
        return "no usable point below the turnoff"
    low = settings.low_threshold if amplifier.turnoff > settings.low_threshold else 0.0
    nodes = node_positions(
        low,
        amplifier.turnoff,
        min(turnoff.value, float(levels[used].max())),
        first=settings.first_node,
        low_size=settings.low_size,
        mid_size=settings.mid_size,
        high_size=settings.high_size,
    )
    options = replace(
        settings.fit,
        fit_offset=False,
        fit_weights=False,
        fit_temperature=False,
        fit_time=False,
        largest_correction=settings.largest_correction,
    )
    # The light's groups cancel: both amplifiers saw the same lamp.
    one_group = replace(ramp, groups=None)
    return _fitted(one_group, expected, levels, used, nodes, amplifier.turnoff, options, turnoff, 1, 1)


def _fitted(
    ramp: DetectorRamp,
    light: FloatArray,
    levels: FloatArray,
    used: BoolArray,
    nodes: FloatArray,
    ptc_turnoff: float,
    settings: SplineSettings,
    turnoff: Turnoff,
    n_outer: int,
    n_groups: int,
) -> tuple[SplineFit, BoolArray] | str:
    """Fit one spline, unless there are too few points for its nodes."""
    nodes = supported_nodes(nodes, levels[used]) if used.any() else nodes
    n_levels, n_needed = distinct_levels(levels[used]).size, nodes.size + n_groups + int(settings.fit_offset)
    if n_levels <= n_needed:
        return f"{n_levels} usable levels for a spline of {nodes.size} nodes, {n_needed + 1} are needed"
    fit = fit_chosen_nodes(
        spline_data(ramp, light, levels, used, nodes, ptc_turnoff), settings, turnoff.value, n_outer
    )
    if not np.isfinite(fit.parameters.values).all():
        return "the fit of the spline does not converge"
    mask = used.copy()
    mask[used] = fit.good
    return fit, mask


def _expected(absolute: SplineFit, counts: FloatArray, pattern: float) -> FloatArray:
    """Give the counts the reference amplifier would show in the light that another one gets."""
    nodes, values = absolute.nodes, absolute.parameters.values
    linear = pattern * (counts - interpolate_akima(counts, nodes, values))
    expected = linear
    # The correction changes slowly with the counts: each pass multiplies the error by its slope.
    for _ in range(20):
        expected = linear + interpolate_akima(expected, nodes, values)
    return expected


def _solution(
    relative: SplineFit | None, absolute: SplineFit, mask: BoolArray, light: FloatArray, pattern: float
) -> Solution:
    """Both splines as one correction; parameters are those of the amplifier's own fit."""
    own = absolute if relative is None else relative
    first = [] if relative is None else [relative.nodes, relative.parameters.values]
    sizes = np.array([0 if relative is None else relative.nodes.size, absolute.nodes.size], np.float64)
    coefficients = np.concatenate([sizes, *first, absolute.nodes, absolute.parameters.values])
    return Solution(
        LinearityCorrection("DoubleSpline", coefficients),
        mask,
        own.vector,
        own.errors,
        own.reduced_chi_squared,
        light,
        offset=absolute.parameters.offset * pattern,
    )


def _padded(solutions: list[Solution | str]) -> tuple[Solution | str, ...]:
    """Coefficients of all amplifiers with zeros to one length, as a table column needs them."""
    sizes = [one.correction.coefficients.size for one in solutions if isinstance(one, Solution)]
    longest = max(sizes, default=0)
    return tuple(
        one
        if isinstance(one, str)
        else replace(
            one,
            correction=LinearityCorrection(
                one.correction.type,
                np.pad(one.correction.coefficients, (0, longest - one.correction.coefficients.size)),
            ),
        )
        for one in solutions
    )
