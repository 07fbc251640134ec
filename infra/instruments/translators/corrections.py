"""Headers that are known to be wrong, one by one."""

import functools
from collections.abc import Mapping, MutableMapping
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Correction", "corrections", "correct_known_frames"]


class Correction(BaseModel):
    """What the headers of some frames of one day should have said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: str
    """Instrument's name in the Butler."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    seq_nums: tuple[tuple[int, int], ...] = ((0, 99999),)
    """Ranges of numbers in the day, both ends included."""
    condition: Mapping[str, str] = Field(default_factory=dict, alias="if")
    """Cards that a frame must have for the correction to apply."""
    cards: Mapping[str, str | int | float]
    """Cards to set."""


@functools.cache
def corrections() -> Mapping[tuple[str, int], tuple[Correction, ...]]:
    """Return all known corrections by instrument and day."""
    text = resources.files(__package__).joinpath("corrections.yaml").read_text()
    by_day: dict[tuple[str, int], tuple[Correction, ...]] = {}
    for entry in yaml.safe_load(text):
        correction = Correction.model_validate(entry)
        key = correction.instrument, correction.day_obs
        by_day[key] = (*by_day.get(key, ()), correction)
    return by_day


def correct_known_frames(
    header: MutableMapping[str, Any], instrument: str, day_obs: int, seq_num: int
) -> bool:
    """Set, in place, the cards of a frame whose header is known to be wrong.

    Returns
    -------
    bool
        Whether anything was set.
    """
    is_corrected = False
    for correction in corrections().get((instrument, day_obs), ()):
        is_meant = any(first <= seq_num <= last for first, last in correction.seq_nums)
        if is_meant and all(header.get(card) == value for card, value in correction.condition.items()):
            header.update(correction.cards)
            is_corrected = True
    return is_corrected
