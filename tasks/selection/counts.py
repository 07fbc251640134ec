"""What a day holds for every calibration, by its headers alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from infra.naming import CalibrationKey
from infra.settings.profile import CalibrationSettings
from tasks.selection.candidates import Candidate, keys_of, set_rules, unsuitable
from tasks.selection.model import ExposureRecord, ExposureSet
from tasks.selection.quality import LIT_TYPES
from tasks.selection.ramp.candidates import Ramp, pair_rules, ramp_rules
from tasks.selection.ramp.pairing import PairedRamp, choose_ramp
from tasks.selection.ramp.ramps import describe_ramp, find_ramps, ramp_flats, ramps_of_day
from tasks.selection.sets import describe_set, split_into_sets

__all__ = ["CalibrationCount", "count_day"]


@dataclass(frozen=True, slots=True)
class CalibrationCount:
    """What a day holds for one calibration, by its headers alone."""

    calibration: CalibrationKey
    exposures: int
    """Suitable exposures of the day; for a calibration made from others, all of theirs."""
    sets: int
    """Sets or sequences of pairs; for a calibration made from others, how many there are."""
    largest_set: int
    """Exposures of the largest set, its first one included, or in the pairs of the best sequence; for a
    calibration made from others, how many of them can be made."""
    needed: int
    """Exposures a set needs, its first one included, or pairs need; how many others it is made from."""
    done: bool
    """Whether a campaign has made this calibration from the day."""
    has_levels: bool = True
    """Whether a sequence of pairs has as many exposure times as it needs."""

    @property
    def complete(self) -> bool:
        """Whether one set is large enough; the plan then looks at its pixels."""
        return self.has_levels and self.largest_set >= self.needed

    def __str__(self) -> str:
        text = f"{self.calibration} {self.exposures}"
        if self.done:
            return f"{text} done"
        if self.complete:
            return text
        if self.largest_set >= self.needed:
            return f"{text} (of too few exposure times)"
        return f"{text} ({self.largest_set} of {self.needed} needed)"


@dataclass(slots=True)
class _Day:
    """One day while it is counted."""

    records: Sequence[ExposureRecord]
    made: Collection[tuple[int, str]]
    bands: Mapping[str, str | None]
    counts: dict[str, list[CalibrationCount]]
    sets: list[ExposureSet]

    def is_done(self, key: CalibrationKey) -> bool:
        return (self.records[0].day_obs, str(key)) in self.made

    def add_sets(self, sets: Sequence[ExposureSet]) -> None:
        """Keep sets that no calibration before had as well."""
        known = {one.exposures for one in self.sets}
        self.sets += [one for one in sets if one.exposures not in known]


def count_day(
    records: Sequence[ExposureRecord],
    calibrations: Sequence[CalibrationSettings],
    made: Collection[tuple[int, str]],
    bands: Mapping[str, str | None],
) -> tuple[list[CalibrationCount], list[ExposureSet]]:
    """Return what a day holds for every calibration that goes through the gate, and the sets that hold it.

    A bootstrap calibration is not counted, because nobody waits for it: it is made for others.

    Parameters
    ----------
    records
        Exposures of the day.
    calibrations
        The profile's calibrations.
    made
        What campaigns have made: (day_obs, calibration key).
    bands
        Band of every physical filter.
    """
    day = _Day(records, made, bands, {}, [])
    for rule in calibrations:
        if rule.observation_type is None:
            continue
        found = _pairs(day, rule) if rule.selection.pairs is not None else _sets(day, rule)
        if rule.selection.single_filter and found:
            found = [max(found, key=lambda one: one.largest_set)]
        day.counts[rule.name] = found
    for rule in calibrations:
        if rule.observation_type is None:
            day.counts[rule.name] = _derived(day, rule)
    counts = [one for rule in calibrations if rule.is_certified for one in day.counts[rule.name]]
    return counts, day.sets


def _sets(day: _Day, rule: CalibrationSettings) -> list[CalibrationCount]:
    """Count the even sets, of each filter where there is one calibration for each."""
    rules = set_rules(rule)
    ramps = ramp_flats(ramps_of_day(day.records, LIT_TYPES), whole=rules.whole)
    split = split_into_sets(day.records, rules, ramps)
    counts: list[CalibrationCount] = []
    for key, records in keys_of(rule, day.records, day.bands).items():
        suitable = {
            record.exposure
            for record in records
            if record.exposure not in ramps and unsuitable(record, rule) is None
        }
        if not suitable:
            continue
        mine = [[record for record in one if record.exposure in suitable] for one in split]
        mine = [one for one in mine if one]
        day.add_sets([describe_set(one, place, rules.per_filter) for place, one in enumerate(mine, start=1)])
        counts.append(
            CalibrationCount(
                calibration=key,
                exposures=len(suitable),
                sets=len(mine),
                largest_set=max(len(one) for one in mine),
                needed=rule.selection.minimum
                + (rule.selection.drop_first if rule.selection.sets == "all" else 1),
                done=day.is_done(key),
            )
        )
    return counts


def _pairs(day: _Day, rule: CalibrationSettings) -> list[CalibrationCount]:
    """Count the sequences of pairs; a day without any holds nothing for the calibration."""
    pairs, counts = pair_rules(rule.selection), []
    for key, records in keys_of(rule, day.records, day.bands).items():
        suitable = [record for record in records if unsuitable(record, rule) is None]
        found = find_ramps(suitable, day.records, ramp_rules(rule.selection))
        ramps = [Ramp(tuple(Candidate(record, i) for i, record in enumerate(one))) for one in found]
        best: PairedRamp | None = choose_ramp(ramps, rule.selection, ())
        if best is None:
            continue
        day.add_sets([describe_ramp(one, place) for place, one in enumerate(found, start=1)])
        counts.append(
            CalibrationCount(
                calibration=key,
                exposures=sum(len(one) for one in found),
                sets=len(found),
                largest_set=2 * len(best.pairs),
                needed=2 * pairs.minimum_pairs,
                done=day.is_done(key),
                has_levels=best.n_levels >= pairs.minimum_levels,
            )
        )
    return counts


def _derived(day: _Day, rule: CalibrationSettings) -> list[CalibrationCount]:
    """Count the calibrations that a calibration is made from."""
    parents = [day.counts.get(name, []) for name in rule.after]
    if not any(parents):
        return []
    key = CalibrationKey(rule.name)
    return [
        CalibrationCount(
            calibration=key,
            exposures=sum(one.exposures for found in parents for one in found),
            sets=len(parents),
            largest_set=sum(any(one.complete for one in found) for found in parents),
            needed=len(parents),
            done=day.is_done(key),
        )
    ]
