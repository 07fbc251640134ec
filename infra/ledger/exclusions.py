"""Exposures, detectors and amplifiers that must not be used, with reason, author and expiry."""

from datetime import datetime
from typing import Any

from infra.errors import UsageError
from infra.ledger.clock import now
from infra.ledger.entry_log import EntryLog
from infra.ledger.model import Entry, Exclusion, Step

__all__ = ["ExclusionLog"]

_EXCLUDE, _LIFT = "exclude", "lift-exclusion"
_FIELDS = ("instrument", "reason", "author", "exposure", "detector", "amplifier", "calibration", "expires")


class ExclusionLog(EntryLog):
    """What must not be used."""

    def add_exclusion(self, exclusion: Exclusion) -> Exclusion:
        """Record an exclusion; returns it with the number by which it can be lifted."""
        parameters = {name: getattr(exclusion, name) for name in _FIELDS}
        # The dataset type is a parameter: an exclusion holds for all campaigns and changes no state.
        entry = self.record(Step(step=_EXCLUDE, status="done", who=exclusion.author, parameters=parameters))
        return _exclusion(entry)

    def lift_exclusion(self, sequence: int, who: str, reason: str) -> Entry:
        """Record that an exclusion no longer holds, and why; the exclusion itself stays on record.

        Raises
        ------
        UsageError
            If no exclusion has this number, or it was lifted before.
        """
        standing = [e.sequence for e in self._all() if e.sequence not in self._lifted()]
        if sequence not in standing:
            known = ", ".join(str(number) for number in standing) or "none"
            raise UsageError(f"there is no exclusion {sequence} to lift", f"those that stand are {known}")
        return self.record(
            Step(step=_LIFT, status="done", who=who, parameters={"exclusion": sequence}, outcome=reason)
        )

    def exclusions(self, instrument: str, at: datetime | None = None) -> tuple[Exclusion, ...]:
        """Return the exclusions that hold for an instrument.

        Parameters
        ----------
        instrument
            Instrument.
        at
            Time at which they must not have expired (aware); by default now.
        """
        when = at or now()
        lifted = self._lifted()
        return tuple(
            exclusion
            for exclusion in self._all()
            if exclusion.instrument == instrument
            and exclusion.sequence not in lifted
            and (exclusion.expires is None or exclusion.expires > when)
        )

    def _all(self) -> tuple[Exclusion, ...]:
        return tuple(_exclusion(entry) for entry in self.entries(step=_EXCLUDE))

    def _lifted(self) -> set[int]:
        return {int(entry.parameters["exclusion"]) for entry in self.entries(step=_LIFT)}


def _exclusion(entry: Entry) -> Exclusion:
    values: dict[str, Any] = {name: entry.parameters.get(name) for name in _FIELDS}
    if values["expires"] is not None:
        values["expires"] = datetime.fromisoformat(values["expires"])
    return Exclusion(sequence=entry.sequence, **values)
