"""The brighter-fatter kernel: how collected charge pushes away what comes, from covariances of flats."""

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.brighter_fatter.kernel.averaging import average_kernels, mean_kernel
from tasks.brighter_fatter.kernel.correlations import Correlations, scaled_correlations
from tasks.brighter_fatter.kernel.model import AmplifierKernel, DetectorKernels
from tasks.brighter_fatter.kernel.poisson import laplacian, solve_poisson
from tasks.brighter_fatter.kernel.settings import KernelSettings, Level, Source, ZeroSum
from tasks.brighter_fatter.kernel.solving import SolvedKernel, solve_kernel
from tasks.brighter_fatter.kernel.sources import (
    KernelRefused,
    SourceOfKernel,
    mean_of_levels,
    source_of,
)
from tasks.brighter_fatter.kernel.table import from_table, to_table
from tasks.flat_pairs.curve.model import AmplifierCurve, PhotonTransferCurve

__all__ = [
    "AmplifierKernel",
    "DetectorKernels",
    "KernelSettings",
    "Level",
    "Source",
    "ZeroSum",
    "from_table",
    "laplacian",
    "mean_kernel",
    "solve_kernels",
    "solve_poisson",
    "to_table",
]

type FloatArray = npt.NDArray[np.float64]


def solve_kernels(
    curve: PhotonTransferCurve, settings: KernelSettings | None = None, metadata: Metadata | None = None
) -> DetectorKernels:
    """Solve the brighter-fatter kernels of a detector.

    Parameters
    ----------
    curve
        Photon transfer curve with covariances, best one whose gains were adjusted to flats.
    settings
        How to solve.
    metadata
        FITS cards of the product.

    Returns
    -------
    kernels
        An amplifier without a valid kernel is in it with its reason, and leaves the others alone.

    Raises
    ------
    CalprodError
        The curve has covariances of one lag only, or too few for a kernel that can be judged.
    """
    settings = settings or KernelSettings()
    if curve.matrix_side < 2:
        raise CalprodError(
            "the photon transfer curve has variances only", "measure covariances of 8 lags: n_lags: 8"
        )
    if settings.level is Level.DETECTOR:
        return _of_detector(curve, settings, metadata or {})
    amplifiers = tuple(_of_amplifier(one, settings, curve.matrix_side) for one in curve.amplifiers)
    side = 2 * curve.matrix_side + 1
    averaged = average_kernels(amplifiers, side, settings)
    return DetectorKernels(
        settings.level,
        curve.matrix_side,
        averaged.amplifiers,
        averaged.kernel,
        not averaged.faults,
        averaged.faults,
        metadata or {},
    )


def _of_amplifier(curve: AmplifierCurve, settings: KernelSettings, side: int) -> AmplifierKernel:
    """Kernel of one amplifier, from itself alone."""
    try:
        _check(curve)
        source = _of_side(source_of(curve, settings), side)
        solved = solve_kernel(source, settings)
    except KernelRefused as refused:
        return _result(curve, None, side, str(refused))
    return _result(curve, solved, side, "; ".join(solved.faults) or None)


def _of_detector(curve: PhotonTransferCurve, settings: KernelSettings, metadata: Metadata) -> DetectorKernels:
    """One kernel from the correlations of all amplifiers.

    cp_pipe does not force the sum of this one to zero; charge is conserved at either level, so that here the
    setting holds for both.
    """
    side = curve.matrix_side
    reasons: dict[str, str] = {}
    sources: list[SourceOfKernel] = []
    levels: list[Correlations] = []
    for one in curve.amplifiers:
        try:
            _check(one)
            if one.name in settings.ignored_amplifiers:
                continue
            if settings.source is Source.MEAN:
                levels.append(scaled_correlations(one, settings))
            else:
                sources.append(_of_side(source_of(one, settings), side))
        except KernelRefused as refused:
            reasons[one.name] = str(refused)
    source = _mean_of_amplifiers(levels, sources, settings)
    solved = solve_kernel(source, settings, must_be_significant=True) if source is not None else None
    faults = ("no amplifier has usable levels",) if solved is None else solved.faults
    fault = "; ".join(faults) or None
    amplifiers = tuple(
        _result(one, None if one.name in reasons else solved, side, reasons.get(one.name, fault))
        for one in curve.amplifiers
    )
    kernel = solved.kernel if solved is not None else np.zeros((2 * side + 1,) * 2)
    return DetectorKernels(settings.level, side, amplifiers, kernel, not faults, faults, metadata)


def _mean_of_amplifiers(
    levels: list[Correlations], sources: list[SourceOfKernel], settings: KernelSettings
) -> SourceOfKernel | None:
    """Source of a detector, from all levels of all amplifiers or from the amplifiers' sources."""
    levels = [one for one in levels if one.signals.size]
    if levels:
        signals, values, errors = (
            np.concatenate([getattr(one, name) for one in levels]) for name in ("signals", "values", "errors")
        )
        every = Correlations(signals, values, errors)
        return mean_of_levels(every, settings)
    if not sources:
        return None
    errors = np.sqrt(np.sum([one.errors**2 for one in sources], axis=0)) / len(sources)
    values = mean_kernel([one.values for one in sources], sources[0].values.shape[0], settings)
    return SourceOfKernel(values, errors, sum(one.n_levels for one in sources))


def _check(curve: AmplifierCurve) -> None:
    """Refuse an amplifier that has no gain."""
    if curve.is_bad:
        raise KernelRefused(f"the photon transfer curve is bad: {curve.reason}")
    if not (np.isfinite(curve.gain) and curve.gain > 0):
        raise KernelRefused(f"a gain of {curve.gain:g} electron/adu")


def _of_side(source: SourceOfKernel, side: int) -> SourceOfKernel:
    """Source of as many lags as were measured: a fit may have fewer."""
    missing = side - source.values.shape[0]
    if missing == 0:
        return source
    pad = ((0, missing), (0, missing))
    return SourceOfKernel(np.pad(source.values, pad), np.pad(source.errors, pad), source.n_levels)


def _result(
    curve: AmplifierCurve, solved: SolvedKernel | None, side: int, reason: str | None
) -> AmplifierKernel:
    """Kernel with what it was made of; zeros where there is none."""
    zeros = np.zeros((2 * side + 1,) * 2)
    series = curve.series
    return AmplifierKernel(
        name=curve.name,
        used=curve.kept,
        means=series.means,
        variances=series.variances,
        covariances=series.covariances,
        gain=curve.gain,
        noise=curve.noise,
        source=zeros if solved is None else solved.source,
        kernel=zeros if solved is None else solved.kernel,
        errors=zeros if solved is None else solved.errors,
        is_valid=solved is not None and reason is None,
        reason=reason,
        remarks=() if solved is None else solved.remarks,
    )
