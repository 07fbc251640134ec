"""Which exposures a calibration could use, in their sets, each with what speaks against it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePath
from typing import Protocol

from infra.naming import CalibrationKey, filter_label
from infra.settings.profile import CalibrationSettings
from infra.settings.selection import QualityLimits
from tasks.selection.header_checks import header_findings, overheads, strays
from tasks.selection.model import Evidence, EvidenceValue, ExposureRecord
from tasks.selection.quality import LIT_TYPES, inspect_set, is_saturated, lamp_rates
from tasks.selection.robust import Finding
from tasks.selection.sets import SetRules, in_order_taken, split_into_sets

__all__ = ["Candidate", "ExcludedExposure", "RefusedFile", "judge", "keys_of", "set_rules", "unsuitable"]

_NO_FILTER = frozenset({"", "unknown", "none"})


class ExcludedExposure(Protocol):
    """An exclusion of the ledger."""

    @property
    def exposure(self) -> int | None:
        """Exposure ID; None for every exposure."""

    @property
    def detector(self) -> int | None:
        """Detector number; None for all."""

    @property
    def amplifier(self) -> str | None:
        """Amplifier name; None for all."""

    @property
    def calibration(self) -> str | None:
        """Dataset type it matters for; None for all."""

    @property
    def reason(self) -> str:
        """Why it must not be used."""

    @property
    def author(self) -> str:
        """Who says so."""


class RefusedFile(Protocol):
    """A raw file that ingest refused."""

    @property
    def path(self) -> str | PurePath:
        """Where it is."""

    @property
    def reason(self) -> str:
        """Why it was refused."""

    @property
    def exposure(self) -> int | None:
        """Exposure ID; None when the file is too damaged to tell."""

    @property
    def day_obs(self) -> int | None:
        """Observing day; None when the file is too damaged to tell."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One exposure in its place in a set, with what speaks against it."""

    record: ExposureRecord
    position: int
    """Place in the set, counted from 0 in the order taken."""
    objections: tuple[Finding, ...] = ()
    """What forbids its use, the gravest first; empty for a good exposure."""
    artefacts: tuple[Finding, ...] = ()
    """What is usual for the first exposure of a set and forbids nothing."""
    after_saturated: int | None = None
    """Saturated exposure taken right before; None when there is none."""
    is_stray: bool = False
    """Whether it stands inside a longer sequence of its type and differs from it."""
    notes: Mapping[str, EvidenceValue] = field(default_factory=dict)
    """Evidence that goes with the exposure whatever its role."""

    @property
    def exposure(self) -> int:
        """Exposure ID."""
        return self.record.exposure

    def objection(self) -> tuple[str, Evidence]:
        """Return everything that forbids the use as one reason, with the evidence of the gravest."""
        reason = "; ".join(finding.reason for finding in self.objections)
        return reason, {**self.objections[0].evidence, **self.notes}


def set_rules(rule: CalibrationSettings) -> SetRules:
    """Return what ends a set, for one calibration of the profile."""
    selection = rule.selection
    per_filter = LIT_TYPES | ({rule.observation_type} if rule.per_filter else set())
    return SetRules(selection.gap_seconds, selection.exposure_time_tolerance, frozenset(per_filter))


def keys_of(
    rule: CalibrationSettings, records: Iterable[ExposureRecord], bands: Mapping[str, str | None]
) -> dict[CalibrationKey, list[ExposureRecord]]:
    """Return the calibrations a rule makes, each with the exposures of its type and filter.

    A filter that the rule names has its key even when no exposure was taken in it.
    """
    mine = [record for record in records if record.observation_type == rule.observation_type]
    if not rule.per_filter:
        return {CalibrationKey(rule.name): mine}
    wanted = rule.selection.filters
    names = sorted(
        {record.physical_filter for record in mine if record.physical_filter.lower() not in _NO_FILTER}
    )
    if wanted is not None:
        names = list(dict.fromkeys(wanted))
    return {
        CalibrationKey(rule.name, name, filter_label(name, dict(bands))): [
            record for record in mine if record.physical_filter == name
        ]
        for name in names
    }


def unsuitable(record: ExposureRecord, rule: CalibrationSettings) -> str | None:
    """Tell why an exposure of the right type and filter is not what the rule asks for; None when it is."""
    reasons, times = rule.selection.observation_reasons, rule.selection.exposure_time_range
    if reasons is not None and record.observation_reason not in reasons:
        return f"observation reason '{record.observation_reason}' is not among {', '.join(reasons)}"
    if times is not None and not times[0] <= record.exposure_time <= times[1]:
        return f"exposure time {record.exposure_time:g} s is not between {times[0]:g} and {times[1]:g} s"
    return None


def judge(
    frames: Sequence[ExposureRecord],
    day: Sequence[ExposureRecord],
    rule: CalibrationSettings,
    exclusions: Iterable[ExcludedExposure],
) -> list[list[Candidate]]:
    """Return the sets that ``frames`` form, with what speaks against each exposure.

    Parameters
    ----------
    frames
        Exposures of one calibration: type, filter, reason and time are as asked for.
    day
        Every exposure of the day, whatever its type: it tells lamps, neighbours and pauses.
    rule
        The calibration's settings.
    exclusions
        Exclusions of the ledger that hold now.
    """
    limits, wanted = rule.selection.quality, {record.exposure for record in frames}
    every_set = split_into_sets(day, set_rules(rule))
    sets = [one for one in every_set if any(record.exposure in wanted for record in one)]
    sets = [[record for record in one if record.exposure in wanted] for one in sets]
    usual, lamps, stray = overheads(day), lamp_rates(day), strays(every_set)
    saturated = _after_saturated(day, limits)
    blocked, notes = _sort_exclusions(one for one in exclusions if one.calibration in (None, rule.name))
    result: list[list[Candidate]] = []
    for one in sets:
        pixels = inspect_set(one, frames, limits, lamps)
        members: list[Candidate] = []
        for position, record in enumerate(one):
            found = [*blocked.get(record.exposure, ()), *header_findings(record, usual)]
            found += [stray[record.exposure]] if record.exposure in stray else []
            found += pixels.get(record.exposure, [])
            # A frame of another kind before it does not make the first good frame of a set the second.
            is_first = all(one.objections for one in members)
            forgiven = [finding for finding in found if is_first and finding.usual_for_first]
            objections = tuple(finding for finding in found if finding not in forgiven)
            members.append(
                Candidate(
                    record=record,
                    position=position,
                    objections=objections,
                    artefacts=tuple(forgiven),
                    after_saturated=saturated.get(record.exposure),
                    is_stray=record.exposure in stray,
                    notes=_notes(record, notes.get(record.exposure, []), forgiven),
                )
            )
        result.append(members)
    return result


def _after_saturated(day: Sequence[ExposureRecord], limits: QualityLimits) -> dict[int, int]:
    """Return, for each exposure taken right after a saturated one, that saturated one."""
    stream = in_order_taken(day)
    return {
        after.exposure: before.exposure for before, after in pairwise(stream) if is_saturated(before, limits)
    }


def _sort_exclusions(
    exclusions: Iterable[ExcludedExposure],
) -> tuple[dict[int, list[Finding]], dict[int, list[str]]]:
    """Part the exclusions into those of whole exposures and those of detectors or amplifiers."""
    blocked: dict[int, list[Finding]] = {}
    notes: dict[int, list[str]] = {}
    for one in sorted(exclusions, key=lambda entry: (entry.exposure or 0, entry.reason, entry.author)):
        if one.exposure is None:
            continue
        if one.detector is None and one.amplifier is None:
            reason = f"excluded by {one.author}: {one.reason}"
            finding = Finding(reason, {"author": one.author, "exclusion": one.reason})
            blocked.setdefault(one.exposure, []).append(finding)
            continue
        place = f"detector {one.detector}" if one.detector is not None else "every detector"
        place += f" amplifier {one.amplifier}" if one.amplifier is not None else ""
        notes.setdefault(one.exposure, []).append(f"{place}: {one.reason} ({one.author})")
    return blocked, notes


def _notes(
    record: ExposureRecord, partly: list[str], forgiven: Sequence[Finding]
) -> dict[str, EvidenceValue]:
    notes: dict[str, EvidenceValue] = {}
    if partly:
        notes["excluded_parts"] = partly
    if forgiven:
        notes["first_exposure_artefacts"] = [finding.reason for finding in forgiven]
    if record.statistics is None:
        notes["pixels"] = "not looked at"
    return notes
