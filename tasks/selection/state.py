"""The camera state of a set: what it was, and which frames were taken in another."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.selection.model import Evidence, ExposureRecord, StateValue

__all__ = ["CameraState", "Deviation", "deviation", "reference_state", "state_of", "value_text"]

_ABSENT_WORDS = frozenset({"", "none", "null", "nan", "undef", "undefined", "unknown", "n/a"})

type CameraState = Mapping[str, str | None]
"""Normalised value of every camera-state key; None where the card is missing."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How the camera state of one frame differs from that of its set."""

    reason: str
    """Every key that differs, with both values, in one sentence."""
    evidence: Evidence


def state_of(record: ExposureRecord, keys: Iterable[str]) -> dict[str, str | None]:
    """Return the camera state of one exposure, normalised so that equal states compare equal.

    Numbers are compared to six significant digits, so that ``-104.15`` written by two programs is one value,
    and ``1477162166`` is the same whether the card holds a string or a number. Blank and undefined cards are
    missing.
    """
    return {key: _normalised(record.state.get(key)) for key in keys}


def reference_state(records: Sequence[ExposureRecord], keys: Sequence[str]) -> dict[str, str | None]:
    """Return the camera state that most of the exposures share.

    Of states equally common the one with fewest missing keys is taken, then the one seen first.
    Without exposures every key is missing.
    """
    states = [tuple(state_of(record, keys).values()) for record in records]
    if not states:
        return dict.fromkeys(keys)
    # Counter keeps the order of first appearance and max takes the first of equals.
    counts = Counter(states)
    best = max(counts, key=lambda state: (counts[state], -state.count(None)))
    return dict(zip(keys, best, strict=True))


def deviation(
    record: ExposureRecord, reference: CameraState, ignore: Collection[str] = ()
) -> Deviation | None:
    """Tell how the camera state of ``record`` differs from ``reference``; None when it does not.

    Parameters
    ----------
    record
        The exposure.
    reference
        State of its set.
    ignore
        Keys that no frame of the set has; the plan warns of them once.
    """
    phrases: list[str] = []
    keys: list[str] = []
    evidence: dict[str, str | list[str] | None] = {}
    for key, value in state_of(record, reference).items():
        wanted = reference[key]
        if value == wanted or key in ignore:
            continue
        keys.append(key)
        phrases.append(_phrase(key, value, wanted))
        evidence[key] = value_text(value)
        evidence[f"{key} of the set"] = value_text(wanted)
    if not keys:
        return None
    return Deviation("camera state differs: " + ", ".join(phrases), {"keys": keys, **evidence})


def value_text(value: str | None) -> str:
    """Return a state value for people; a missing one is said to be missing."""
    return "missing" if value is None else value


def _phrase(key: str, value: str | None, wanted: str | None) -> str:
    if value is None:
        return f"{key} missing, {wanted} in its set"
    return f"{key} is {value}, {value_text(wanted)} in its set"


def _normalised(value: StateValue) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _ABSENT_WORDS:
            return None
        # A checksum has more digits than six: only what is not a whole number is rounded.
        return text if _number(text) is None else _number_text(float(text), text)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _number_text(float(value), str(value))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number_text(number: float, text: str) -> str:
    if number.is_integer():
        return text if text.lstrip("+-").isdigit() else str(int(number))
    return f"{number:.6g}"
