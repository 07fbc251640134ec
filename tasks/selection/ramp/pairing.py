"""Pair the flats of a ramp, and choose the ramp whose pairs a calibration is made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from infra.settings.selection import PairSelection, SelectionSettings
from tasks.selection.candidates import Candidate
from tasks.selection.model import EvidenceValue
from tasks.selection.ramp.candidates import Ramp, pair_rules
from tasks.selection.ramp.line import level_of
from tasks.selection.ramp.ramps import levels_of, runs_of
from tasks.selection.robust import Finding, finite
from tasks.selection.state import CameraState, deviation, reference_state

__all__ = ["Pair", "PairedRamp", "choose_ramp", "divide_pairs", "pair_up"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two good flats of equal exposure time, taken in succession."""

    first: Candidate
    second: Candidate

    @property
    def exposures(self) -> tuple[int, int]:
        """Exposure IDs in the order taken."""
        return self.first.exposure, self.second.exposure

    @property
    def exposure_time(self) -> float:
        """Exposure time of the first (s)."""
        return self.first.record.exposure_time

    @property
    def level(self) -> float | None:
        """Mean level of the two (adu); None where nobody has looked at them."""
        return finite(0.5 * (level_of(self.first.record) + level_of(self.second.record)))

    def __str__(self) -> str:
        level = "" if self.level is None else f", {self.level:.0f} adu"
        return f"{self.exposure_time:g} s{level}"

    def evidence(self) -> dict[str, EvidenceValue]:
        """Return what stands behind the rows of both exposures."""
        return {
            "pair": list(self.exposures),
            "exposure_time": finite(self.exposure_time),
            "level": self.level,
            "unit": "adu",
        }


@dataclass(frozen=True, slots=True)
class PairedRamp:
    """A ramp with its good pairs."""

    ramp: Ramp
    state: CameraState
    """Camera state of the pairs."""
    pairs: tuple[Pair, ...]
    """Good pairs in that state, in the order taken."""
    single: dict[int, Finding]
    """Good flats in that state that have no partner, each with why."""
    n_levels: int
    """Different exposure times of the pairs."""

    def is_enough(self, rules: PairSelection) -> bool:
        """Tell whether a calibration can be made from it."""
        return len(self.pairs) >= rules.minimum_pairs and self.n_levels >= rules.minimum_levels


def pair_up(
    ramp: Ramp, selection: SelectionSettings, state_keys: Sequence[str], state: CameraState | None = None
) -> PairedRamp:
    """Pair the good flats of a ramp, those in succession, and say of each other good one why it is alone.

    Parameters
    ----------
    ramp
        The ramp, in the order taken.
    selection
        The calibration's selection rules.
    state_keys
        Header cards that must agree.
    state
        Camera state that they must have; by default the one that most good flats have.
    """
    rules = pair_rules(selection)
    if state is None:
        state = reference_state([one.record for one in ramp.members if not one.objections], state_keys)
    members = {one.exposure: one for one in ramp.members}
    pairs: list[Pair] = []
    single: dict[int, Finding] = {}
    for run in runs_of((one.record for one in ramp.members), rules.exposure_time_tolerance):
        everyone = [members[record.exposure] for record in run]
        good = [one for one in everyone if _is_good(one, selection, state)]
        left_over = _odd_one(good) if len(good) % 2 else None
        if left_over is not None:
            single[left_over.exposure] = _why_single(left_over, everyone, good)
        taken = [one for one in good if one is not left_over]
        pairs += [Pair(*two) for two in zip(taken[::2], taken[1::2], strict=True)]
    levels = levels_of((pair.first.record for pair in pairs), rules.exposure_time_tolerance)
    return PairedRamp(ramp, state, tuple(pairs), single, len(levels))


def choose_ramp(
    ramps: Iterable[Ramp], selection: SelectionSettings, state_keys: Sequence[str]
) -> PairedRamp | None:
    """Return the ramp to use, or None when there is none.

    The largest is the one with most good pairs, of equals the latest; the latest is the last one with enough.
    """
    rules = pair_rules(selection)
    paired = [pair_up(one, selection, state_keys) for one in ramps]
    enough = [one for one in paired if one.is_enough(rules)]
    if enough and selection.sets == "latest":
        return max(enough, key=_when)
    return max(enough or paired, key=lambda one: (len(one.pairs), one.n_levels, _when(one)), default=None)


def divide_pairs(pairs: Sequence[Pair], rules: PairSelection) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Return the pairs to use, those held out for verification, and those not needed.

    Parameters
    ----------
    pairs
        All good pairs of the ramp.
    rules
        How many to use, and which to hold out.
    """
    ordered = sorted(pairs, key=lambda one: (one.exposure_time, one.exposures))
    if rules.target_pairs is not None and len(ordered) > rules.target_pairs:
        n_steps = max(1, rules.target_pairs - 1)
        kept = {round(i * (len(ordered) - 1) / n_steps) for i in range(rules.target_pairs)}
        return [ordered[i] for i in sorted(kept)], [], [p for i, p in enumerate(ordered) if i not in kept]
    held = _held_out(ordered, rules)
    return [pair for pair in ordered if pair not in held], held, []


def _held_out(ordered: Sequence[Pair], rules: PairSelection) -> list[Pair]:
    """Return every n-th pair by rising level but the outermost, if enough remain without them."""
    step = rules.hold_out_every
    if step is None:
        return []
    held = list(ordered[step // 2 :: step])
    held = [pair for pair in held if pair is not ordered[0] and pair is not ordered[-1]]
    rest = [pair.first.record for pair in ordered if pair not in held]
    n_levels = len(levels_of(rest, rules.exposure_time_tolerance))
    return held if len(rest) >= rules.minimum_pairs and n_levels >= rules.minimum_levels else []


def _when(paired: PairedRamp) -> tuple[float, int]:
    first = paired.ramp.members[0]
    return first.record.begin_tai, first.exposure


def _is_good(one: Candidate, selection: SelectionSettings, state: CameraState) -> bool:
    return not one.objections and (not selection.same_state or deviation(one.record, state) is None)


def _odd_one(good: Sequence[Candidate]) -> Candidate:
    """Return the flat to leave over so that groups stay together and partners follow each other closely."""

    def cost(index: int) -> tuple[int, float, int]:
        rest = [one for place, one in enumerate(good) if place != index]
        two = list(pairwise(rest))[::2]
        # Where every exposure has a group of its own, every pair is divided alike.
        divided = sum(a.record.group != b.record.group for a, b in two)
        return divided, sum(b.position - a.position for a, b in two), -index

    return good[min(range(0, len(good), 2), key=cost)]


def _why_single(one: Candidate, run: Sequence[Candidate], good: Sequence[Candidate]) -> Finding:
    time = f"{one.record.exposure_time:g} s"
    evidence: dict[str, EvidenceValue] = {"exposure_time": finite(one.record.exposure_time)}
    if len(good) > 1:
        others = [other.exposure for other in good if other is not one]
        which = {2: "third", 4: "fifth"}.get(len(others), "odd")
        reason = f"{which} flat of {time} in succession: the others are paired"
        return Finding(reason, {**evidence, "others": others})
    bad = [other for other in run if other is not one]
    if not bad:
        return Finding(f"unpaired: the only flat of {time} here", evidence)
    partner = bad[0]
    why = partner.objections[0].reason.partition(":")[0] if partner.objections else "other camera state"
    reason = f"unpaired: its partner {partner.exposure} is not used ({why})"
    return Finding(reason, {**evidence, "partner": partner.exposure})
