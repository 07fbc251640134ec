"""The CTI of a detector from flats of many levels: numbers in, a frozen solution out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.cti.register.model import Register
from tasks.cti.solution.dataset import CTI_KIND, cti_from_table, cti_to_table
from tasks.cti.solution.model import AmplifierCti, CtiSolution
from tasks.cti.solving.edge import cti_turnoff, edge_response
from tasks.cti.solving.levels import FAINTEST, AmplifierLevels, levels_of
from tasks.cti.solving.local_offset import NO_OFFSET, fit_local_offset
from tasks.cti.solving.settings import Columns, CtiSettings
from tasks.cti.solving.transfers import bounded_by_bright_flats, charge_of_trap, fit_global_cti
from tasks.cti.solving.traps import empty_trap, measure_trap
from tasks.isr.cti import DeferredCharge, correct_cti
from tasks.isr.cti_statistics import CtiStatistics

__all__ = [
    "CTI_KIND",
    "AmplifierCti",
    "Columns",
    "CtiSettings",
    "CtiSolution",
    "Segment",
    "corrected_trail",
    "cti_from_table",
    "cti_to_table",
    "solve_amplifier",
    "solve_cti",
]

type FloatArray = npt.NDArray[np.float64]

_REFINEMENTS = 2
"""Times that output amplifier and transfers are fitted again, once a trap is known."""

_TRAIL = 15
"""Overscan columns of the trail that is kept."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Sections of the segments of a sensor, and who made it."""

    prescan: int
    """Columns before the data."""
    data_width: int
    """Data columns."""
    data_height: int
    """Data rows."""
    vendor: str = "ITL"
    """"ITL" or "E2V"."""


def solve_cti(
    flats: Mapping[str, Sequence[CtiStatistics]],
    segments: Mapping[str, Segment],
    *,
    detector: int,
    settings: CtiSettings | None = None,
    bad: Mapping[str, str] | None = None,
    metadata: Metadata | None = None,
) -> CtiSolution:
    """Solve every amplifier of a detector.

    Parameters
    ----------
    flats
        By amplifier, in the order of the detector's: statistics of every flat, in any order.
    segments
        By amplifier.
    detector
        Detector number.
    settings
        How it is solved.
    bad
        Amplifiers that are given up beforehand, with the reason.
    metadata
        Cards of the dataset.

    Raises
    ------
    CalprodError
        There is no amplifier.
    """
    if not flats:
        raise CalprodError(f"detector {detector} has no amplifier to solve the CTI of")
    settings, bad = settings or CtiSettings(), bad or {}
    solved = tuple(
        _unusable(levels_of(name, ones), bad[name])
        if name in bad
        else solve_amplifier(levels_of(name, ones), segments[name], settings)
        for name, ones in flats.items()
    )
    return CtiSolution(detector, solved, dict(metadata or {}))


def solve_amplifier(
    levels: AmplifierLevels, segment: Segment, settings: CtiSettings | None = None
) -> AmplifierCti:
    """Solve one amplifier; one that cannot be solved corrects nothing and says why.

    Parameters
    ----------
    levels
        Its flats.
    segment
        Its sections.
    settings
        How it is solved.
    """
    settings = settings or CtiSettings()
    if reason := _refusal(levels, settings):
        return _unusable(levels, reason)
    n_serial = segment.prescan + segment.data_width
    serial = edge_response(levels.signals, levels.serial, n_serial)
    parallel = edge_response(levels.signals, levels.parallel, segment.data_height)
    serial_turnoff = cti_turnoff(levels.signals, serial, settings.turnoff_largest)
    parallel_turnoff = cti_turnoff(levels.signals, parallel, settings.turnoff_largest)
    offset = fit_local_offset(levels, n_serial, settings)
    register = Register(segment.data_width, segment.prescan, levels.serial.shape[1])
    transfers = fit_global_cti(levels, register, offset, settings)
    for _ in range(_REFINEMENTS if transfers.knows_trap else 0):
        # What a trap gives back late passes for an offset: once it is known, both are told apart.
        of_trap = charge_of_trap(transfers, levels, register, offset)
        offset = fit_local_offset(levels, n_serial, settings, of_trap)
        transfers = fit_global_cti(levels, register, offset, settings)
        if not transfers.knows_trap:
            break
    transfers = bounded_by_bright_flats(transfers, levels, n_serial, offset, settings)
    is_trapless = segment.vendor == "E2V" and not settings.e2v_traps
    trap, trap_reason = (
        (empty_trap(), "") if is_trapless else measure_trap(levels, n_serial, offset, transfers, settings)
    )
    remarks = [one for one in (offset.reason, transfers.reason, trap_reason) if one]
    for name, turnoff in (("serial", serial_turnoff), ("parallel", parallel_turnoff)):
        if turnoff.at_edge:
            remarks.append(f"the {name} turnoff {turnoff.signal:.0f} electron is at the edge of the levels")
    at_bound = (*offset.at_bound, *transfers.at_bound)
    remarks += [f"the {one} stands at a bound of its fit" for one in at_bound]
    signal, trail = _trail(levels, settings)
    solved = AmplifierCti(
        name=levels.name,
        drift_scale=offset.drift_scale,
        decay_time=offset.decay_time,
        global_cti=transfers.cti,
        signals=levels.signals,
        serial_eper=serial,
        parallel_eper=parallel,
        input_gain=levels.gain,
        serial_cti_turnoff=serial_turnoff.signal,
        serial_cti_turnoff_sampling_error=serial_turnoff.sampling_error,
        parallel_cti_turnoff=parallel_turnoff.signal,
        parallel_cti_turnoff_sampling_error=parallel_turnoff.sampling_error,
        trap=trap,
        drift_scale_error=offset.drift_scale_error,
        decay_time_error=offset.decay_time_error,
        global_cti_error=transfers.cti_error,
        at_bound=at_bound,
        trail_signal=signal,
        trail=trail,
        remarks=tuple(remarks),
    )
    return _with_corrected_trail(solved, n_serial)


def corrected_trail(
    signal: float, overscan: FloatArray, n_transfers: int, deferred_charge: DeferredCharge
) -> FloatArray:
    """Overscan of an evenly lit row after the correction.

    Parameters
    ----------
    signal
        Of its data pixels as they were read (electron).
    overscan
        Its overscan as it was read (electron), shape (n,).
    n_transfers
        Transfers of the last data pixel.
    deferred_charge
        What is corrected.
    """
    row = np.concatenate((np.full(n_transfers, signal), overscan))[None, :]
    correct_cti(row, deferred_charge, data_rows=1)
    return np.asarray(row[0, n_transfers:])


def _refusal(levels: AmplifierLevels, settings: CtiSettings) -> str:
    """Why an amplifier cannot be solved; empty if it can."""
    if levels.signals.size == 0:
        return f"no flat has a signal above {FAINTEST:g} electron"
    if not (np.isfinite(levels.gain) and levels.gain > 0):
        return f"its gain is {levels.gain} electron/adu"
    n_columns, needed = levels.serial.shape[1], settings.offset_columns.first + 2
    if n_columns < needed:
        return f"a serial overscan of {n_columns} columns is too narrow: {needed} are needed"
    if not np.isfinite(levels.serial[:, :needed]).all(axis=1).any():
        return "no flat has a serial overscan whose columns are all numbers"
    return ""


def _unusable(levels: AmplifierLevels, reason: str) -> AmplifierCti:
    """Return an amplifier that corrects nothing."""
    nothing = np.full(levels.signals.size, np.nan)
    return AmplifierCti(
        levels.name,
        NO_OFFSET.drift_scale,
        NO_OFFSET.decay_time,
        0.0,
        levels.signals,
        nothing,
        nothing,
        levels.gain,
        *(0.0,) * 4,
        trap=empty_trap(),
        reason=reason,
    )


def _trail(levels: AmplifierLevels, settings: CtiSettings) -> tuple[float, FloatArray]:
    """Signal and overscan of the brightest flat that the trap is taken from."""
    with np.errstate(invalid="ignore"):
        usable = (levels.signals < settings.trap_largest_signal) & (levels.signals <= levels.turnoff)
    overscan = levels.serial[:, :_TRAIL]
    usable &= np.isfinite(overscan).all(axis=1)
    trail = np.full(_TRAIL, np.nan)
    if not usable.any():
        return float("nan"), trail
    brightest = int(np.flatnonzero(usable)[-1])
    trail[: overscan.shape[1]] = overscan[brightest]
    return float(levels.signals[brightest]), trail


def _with_corrected_trail(solved: AmplifierCti, n_transfers: int) -> AmplifierCti:
    """Return the amplifier with the trail it keeps corrected, too."""
    if not np.isfinite(solved.trail_signal):
        return replace(solved, trail_corrected=solved.trail)
    overscan = np.nan_to_num(solved.trail)
    corrected = corrected_trail(solved.trail_signal, overscan, n_transfers, solved.deferred_charge)
    return replace(solved, trail_corrected=np.where(np.isfinite(solved.trail), corrected, np.nan))
