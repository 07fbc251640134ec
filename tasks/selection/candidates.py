"""Which exposures a calibration could use, in their sets, each with what speaks against it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from infra.naming import CalibrationKey, filter_label
from infra.settings.profile import CalibrationSettings
from infra.settings.selection import QualityLimits
from tasks.selection.dead import DeadAmplifiers
from tasks.selection.entries import ExcludedExposure
from tasks.selection.header_checks import Overheads, header_findings, overheads, strays
from tasks.selection.model import Evidence, EvidenceValue, ExposureRecord
from tasks.selection.quality import LIT_TYPES, inspect_set, is_saturated, lamp_rates
from tasks.selection.ramp.ramps import ramp_flats, ramps_of_day
from tasks.selection.robust import Finding
from tasks.selection.sets import SetRules, in_order_taken, split_into_sets
from tasks.selection.sky import brightness_findings

__all__ = [
    "Candidate",
    "DayChecks",
    "is_in_wanted_filter",
    "judge",
    "keys_of",
    "set_rules",
    "unsuitable",
]

_NO_FILTER = frozenset({"", "unknown", "none"})


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
    own = {rule.observation_type} if rule.per_filter and rule.observation_type else set()
    per_filter = LIT_TYPES | own
    return SetRules(
        selection.gap_seconds,
        selection.exposure_time_tolerance,
        frozenset(per_filter),
        whole=selection.sets == "all",
    )


def keys_of(
    rule: CalibrationSettings, records: Iterable[ExposureRecord], bands: Mapping[str, str | None]
) -> dict[CalibrationKey, list[ExposureRecord]]:
    """Return the calibrations a rule makes, each with the exposures of its type and filter.

    A filter that the rule names has its key even when no exposure was taken in it.
    """
    mine = [
        record
        for record in records
        if record.observation_type == rule.observation_type
        and is_in_wanted_filter(record.physical_filter, rule, bands)
    ]
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


def is_in_wanted_filter(
    physical_filter: str, rule: CalibrationSettings, bands: Mapping[str, str | None]
) -> bool:
    """Tell whether a calibration is made of exposures in a filter.

    Parameters
    ----------
    physical_filter
        The filter.
    rule
        The calibration's settings.
    bands
        Band of every physical filter.
    """
    wanted, in_bands = rule.selection.filters, rule.selection.bands
    if wanted is not None and physical_filter not in wanted:
        return False
    return in_bands is None or bands.get(physical_filter) in in_bands


def unsuitable(record: ExposureRecord, rule: CalibrationSettings) -> str | None:
    """Tell why an exposure of the right type and filter is not what the rule asks for; None when it is."""
    reasons, times = rule.selection.observation_reasons, rule.selection.exposure_time_range
    said = {record.observation_reason, *([record.science_program] if rule.selection.pairs else [])}
    if reasons is not None and not said & set(reasons):
        return f"observation reason '{record.observation_reason}' is not among {', '.join(reasons)}"
    if times is not None and not times[0] <= record.exposure_time <= times[1]:
        return f"exposure time {record.exposure_time:g} s is not between {times[0]:g} and {times[1]:g} s"
    shortest = rule.selection.minimum_exposure_time
    if shortest is not None and not record.exposure_time >= shortest:
        return f"exposure time {record.exposure_time:g} s is shorter than {shortest:g} s"
    return None


def judge(
    frames: Sequence[ExposureRecord],
    day: Sequence[ExposureRecord],
    rule: CalibrationSettings,
    exclusions: Iterable[ExcludedExposure],
    insisted: Mapping[int, str] | None = None,
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
    insisted
        Flats of a ramp that a person wants all the same, with what speaks against them; other flats of a ramp
        are in no set.
    """
    limits, wanted, against = rule.selection.quality, {record.exposure for record in frames}, insisted or {}
    ramps = ramps_of_day(day, LIT_TYPES)
    rules = set_rules(rule)
    every_set = split_into_sets(day, rules, ramp_flats(ramps, whole=rules.whole).keys() - against.keys())
    sets = [one for one in every_set if any(record.exposure in wanted for record in one)]
    sets = [[record for record in one if record.exposure in wanted] for one in sets]
    checks = DayChecks.of(day, rule, exclusions)
    # On the sky a filter changes as the program has it.
    stray = {} if rules.whole else strays([*every_set, *ramps])
    result: list[list[Candidate]] = []
    for one in sets:
        pixels = inspect_set(one, frames, limits, checks.lamps)
        members: list[Candidate] = []
        for position, record in enumerate(one):
            found = [stray[record.exposure]] if record.exposure in stray else []
            if record.exposure in against:
                found.append(Finding(against[record.exposure], {}))
            found += brightness_findings(record, rule.selection)
            found += pixels.get(record.exposure, [])
            # A frame of another kind before it does not make the first good frame of a set the second.
            is_first = all(one.objections for one in members)
            members.append(
                checks.candidate(record, position, found, is_first, is_stray=record.exposure in stray)
            )
        result.append(members)
    return result


@dataclass(frozen=True, slots=True)
class DayChecks:
    """What the exposures of a day are checked against, whatever set they are in."""

    usual: Overheads
    """Time between start and end of the frames of each type."""
    lamps: Mapping[str, float]
    """Usual level per second of flats by physical filter (adu/s)."""
    saturated: Mapping[int, int]
    """For each exposure taken right after a saturated one, that saturated one."""
    blocked: Mapping[int, Sequence[Finding]]
    """Exclusions of whole exposures."""
    notes: Mapping[int, list[str]]
    """Exclusions of detectors and amplifiers."""

    @classmethod
    def of(
        cls,
        day: Sequence[ExposureRecord],
        rule: CalibrationSettings,
        exclusions: Iterable[ExcludedExposure],
    ) -> "DayChecks":
        """Return the checks of a day for one calibration."""
        mine = (one for one in exclusions if one.calibration in (None, rule.name))
        blocked, notes = _sort_exclusions(mine)
        saturated = _after_saturated(day, rule.selection.quality)
        return cls(overheads(day), lamp_rates(day), saturated, blocked, notes)

    def candidate(
        self,
        record: ExposureRecord,
        position: int,
        findings: Iterable[Finding],
        is_first: bool = False,
        *,
        is_stray: bool = False,
    ) -> Candidate:
        """Return an exposure in its place, with everything that speaks against it.

        Parameters
        ----------
        record
            The exposure.
        position
            Place in its set, counted from 0.
        findings
            What its set or its pixels say against it.
        is_first
            Whether no good exposure of the set stands before it: then what is usual for a first exposure is
            forgiven.
        is_stray
            Whether it stands inside a longer sequence of its type and differs from it.
        """
        found = [*self.blocked.get(record.exposure, ()), *header_findings(record, self.usual), *findings]
        forgiven = [finding for finding in found if is_first and finding.usual_for_first]
        return Candidate(
            record=record,
            position=position,
            objections=tuple(finding for finding in found if finding not in forgiven),
            artefacts=tuple(forgiven),
            after_saturated=self.saturated.get(record.exposure),
            is_stray=is_stray,
            notes=_notes(record, self.notes.get(record.exposure, []), forgiven),
        )


def _after_saturated(day: Sequence[ExposureRecord], limits: QualityLimits) -> dict[int, int]:
    """Return, for each exposure taken right after a saturated one, that saturated one."""
    stream, dead = in_order_taken(day), DeadAmplifiers.of(day)
    return {
        after.exposure: before.exposure
        for before, after in pairwise(stream)
        if is_saturated(before, limits, dead)
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
