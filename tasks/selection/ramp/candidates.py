"""The ramps a calibration could be made from, each flat with what speaks against it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.settings.profile import CalibrationSettings
from infra.settings.selection import PairSelection, SelectionSettings
from tasks.selection.candidates import Candidate, DayChecks
from tasks.selection.entries import ExcludedExposure
from tasks.selection.model import ExposureRecord
from tasks.selection.quality import inspect_ramp
from tasks.selection.ramp.ramps import RampRules, find_ramps, levels_of
from tasks.selection.robust import Finding
from tasks.selection.state import state_of

__all__ = ["Ramp", "judge_ramps", "loose_candidates", "pair_rules", "ramp_rules"]

_FEWEST_LEVELS = 3
"""Exposure times, each in a pair, in which a sequence of pairs can be seen, be it complete or not."""
_SPAN = 2.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """One ramp of flats, in the order taken."""

    members: tuple[Candidate, ...]
    """Its flats."""
    warnings: tuple[str, ...] = ()
    """What is worth saying of the lamp."""


def pair_rules(selection: SelectionSettings) -> PairSelection:
    """Return the rules for pairs; those by default where a calibration has none."""
    return selection.pairs or PairSelection()


def ramp_rules(selection: SelectionSettings) -> RampRules:
    """Return what makes flats a ramp from which pairs are chosen, be it complete or not."""
    return RampRules(
        gap_seconds=selection.gap_seconds,
        tolerance=pair_rules(selection).exposure_time_tolerance,
        fewest_levels=_FEWEST_LEVELS,
        fewest_pairs=_FEWEST_LEVELS,
        smallest_span=_SPAN,
        smallest_pass=pair_rules(selection).minimum_pairs,
        is_declared=selection.observation_reasons is not None,
    )


def judge_ramps(
    frames: Sequence[ExposureRecord],
    day: Sequence[ExposureRecord],
    rule: CalibrationSettings,
    exclusions: Iterable[ExcludedExposure],
    state_keys: Sequence[str],
) -> list[Ramp]:
    """Return the ramps that ``frames`` form, with what speaks against each exposure.

    Parameters
    ----------
    frames
        Flats that suit the calibration: reason and time are as asked for.
    day
        Every exposure of the day, whatever its type: it tells lamps, neighbours and pauses.
    rule
        The calibration's settings.
    exclusions
        Exclusions of the ledger that hold now.
    state_keys
        Header cards that must agree within a ramp.

    Notes
    -----
    Of a sequence that was gone on with in another camera state each part is a ramp, if it is large enough.
    """
    selection, pairs = rule.selection, pair_rules(rule.selection)
    checks = DayChecks.of(day, rule, exclusions)
    ramps: list[Ramp] = []
    for found in find_ramps(frames, day, ramp_rules(selection)):
        parts = _by_state(found, state_keys, pairs) if selection.same_state else [found]
        for part in parts:
            pixels, warnings = inspect_ramp(part, selection.quality, pairs, checks.lamps)
            members = tuple(
                checks.candidate(record, position, pixels.get(record.exposure, ()))
                for position, record in enumerate(part)
            )
            ramps.append(Ramp(members, tuple(warnings)))
    return ramps


def loose_candidates(
    frames: Sequence[ExposureRecord],
    day: Sequence[ExposureRecord],
    rule: CalibrationSettings,
    exclusions: Iterable[ExcludedExposure],
    reason: str,
) -> list[Candidate]:
    """Return flats that are in no ramp, with that and what else speaks against them.

    Parameters
    ----------
    frames
        The flats.
    day
        Every exposure of the day.
    rule
        The calibration's settings.
    exclusions
        Exclusions of the ledger that hold now.
    reason
        What to say of them.
    """
    checks = DayChecks.of(day, rule, exclusions)
    return [checks.candidate(record, place, [Finding(reason, {})]) for place, record in enumerate(frames)]


def _by_state(
    ramp: Sequence[ExposureRecord], state_keys: Sequence[str], pairs: PairSelection
) -> list[list[ExposureRecord]]:
    """Part a ramp taken in several camera states; a few flats in another state stay, to be named as such."""
    states: dict[tuple[str | None, ...], list[ExposureRecord]] = {}
    for record in ramp:
        states.setdefault(tuple(state_of(record, state_keys).values()), []).append(record)
    large = [
        one
        for one in states.values()
        if len(levels_of(one, pairs.exposure_time_tolerance)) >= _FEWEST_LEVELS
        and len(one) >= 2 * _FEWEST_LEVELS
    ]
    if len(large) < 2:
        return [list(ramp)]
    main = max(large, key=len)
    strays = [record for one in states.values() if one not in large for record in one]
    place = {record.exposure: index for index, record in enumerate(ramp)}
    parts = [[*one, *strays] if one is main else one for one in large]
    return [sorted(one, key=lambda record: place[record.exposure]) for one in parts]
