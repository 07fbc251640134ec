"""States of a calibration, the steps that lead from one to another, and which ways are legal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from infra.errors import GateError, LedgerError

if TYPE_CHECKING:
    from infra.ledger.model import Entry

__all__ = [
    "FINISHED",
    "LEGAL",
    "CalibrationState",
    "CalibrationStatus",
    "claimed_state",
    "next_status",
    "statuses",
]


class CalibrationState(StrEnum):
    """Where a calibration of a campaign stands."""

    PLANNED = "planned"
    GENERATING = "generating"
    CANDIDATE = "candidate"
    INTERMEDIATE = "intermediate"
    """Made for other calibrations of the campaign; never judged, never certified."""
    VERIFIED = "verified"
    FAILED_VERIFICATION = "failed-verification"
    AWAITING_APPROVAL = "awaiting-approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CERTIFIED = "certified"
    CHAINED = "chained"
    EXPORTED = "exported"
    DEPLOYED = "deployed"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


_S = CalibrationState

LEGAL = MappingProxyType(
    {
        None: frozenset({_S.PLANNED}),
        _S.PLANNED: frozenset({_S.PLANNED, _S.GENERATING, _S.WITHDRAWN}),
        # A run that was killed starts again; one that failed goes back to the plan.
        _S.GENERATING: frozenset({_S.GENERATING, _S.PLANNED, _S.CANDIDATE, _S.INTERMEDIATE, _S.WITHDRAWN}),
        _S.INTERMEDIATE: frozenset({_S.PLANNED, _S.GENERATING, _S.WITHDRAWN}),
        _S.CANDIDATE: frozenset(
            {_S.PLANNED, _S.GENERATING, _S.VERIFIED, _S.FAILED_VERIFICATION, _S.REJECTED, _S.WITHDRAWN}
        ),
        # Until people have been asked, a calibration may be made or tested anew.
        _S.VERIFIED: frozenset(
            {_S.PLANNED, _S.GENERATING, _S.VERIFIED, _S.FAILED_VERIFICATION, _S.AWAITING_APPROVAL}
            | {_S.REJECTED, _S.WITHDRAWN}
        ),
        _S.FAILED_VERIFICATION: frozenset(
            {_S.PLANNED, _S.GENERATING, _S.VERIFIED, _S.FAILED_VERIFICATION, _S.AWAITING_APPROVAL}
            | {_S.REJECTED, _S.WITHDRAWN}
        ),
        # Back to the plan: the board asks for more work.
        _S.AWAITING_APPROVAL: frozenset(
            {_S.AWAITING_APPROVAL, _S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.PLANNED, _S.WITHDRAWN}
        ),
        _S.APPROVED: frozenset({_S.APPROVED, _S.CERTIFIED, _S.EXPIRED, _S.WITHDRAWN}),
        _S.EXPIRED: frozenset({_S.AWAITING_APPROVAL, _S.PLANNED, _S.REJECTED, _S.WITHDRAWN}),
        _S.CERTIFIED: frozenset({_S.CHAINED, _S.SUPERSEDED, _S.WITHDRAWN}),
        _S.CHAINED: frozenset({_S.EXPORTED, _S.DEPLOYED, _S.SUPERSEDED, _S.WITHDRAWN}),
        _S.EXPORTED: frozenset({_S.DEPLOYED, _S.SUPERSEDED, _S.WITHDRAWN}),
        _S.DEPLOYED: frozenset({_S.DEPLOYED, _S.SUPERSEDED, _S.WITHDRAWN}),
        _S.SUPERSEDED: frozenset({_S.WITHDRAWN}),
        _S.REJECTED: frozenset(),
        _S.WITHDRAWN: frozenset(),
    }
)
"""States that may follow each state; None stands for a calibration not yet heard of.

Extends the life cycle of DMTN-222 by the states between its words.
"""

FINISHED = frozenset(
    {_S.CHAINED, _S.EXPORTED, _S.DEPLOYED, _S.SUPERSEDED, _S.REJECTED, _S.WITHDRAWN, _S.INTERMEDIATE}
)
"""States in which a campaign has nothing more to decide about a calibration."""

_CLAIMS = MappingProxyType(
    {
        ("select", "done", None): _S.PLANNED,
        ("reopen", "done", None): _S.PLANNED,
        ("generate", "started", None): _S.GENERATING,
        ("generate", "done", None): _S.CANDIDATE,
        ("generate", "done", "intermediate"): _S.INTERMEDIATE,
        ("generate", "failed", None): _S.PLANNED,
        ("verify", "done", "verified"): _S.VERIFIED,
        ("verify", "done", "failed-verification"): _S.FAILED_VERIFICATION,
        # Not known to be good is not good: people must accept it in words.
        ("verify", "done", "could-not-run"): _S.FAILED_VERIFICATION,
        ("approve", "started", None): _S.AWAITING_APPROVAL,
        ("approve", "done", "approved"): _S.APPROVED,
        ("approve", "done", "rejected"): _S.REJECTED,
        ("approve", "done", "expired"): _S.EXPIRED,
        ("certify", "done", None): _S.CERTIFIED,
        ("chain", "done", None): _S.CHAINED,
        ("export", "done", None): _S.EXPORTED,
        ("sync", "done", None): _S.DEPLOYED,
        ("supersede", "done", None): _S.SUPERSEDED,
        ("withdraw", "done", None): _S.WITHDRAWN,
    }
)
"""State that a step of a calibration claims: by step, status and, where it matters, outcome."""

# Steps that reconcile desired with actual are repeated when a run is resumed; what lies behind stays behind.
_REPEATABLE = frozenset({"select", "certify", "chain", "export"})
_RELEASE_PATH = (_S.APPROVED, _S.CERTIFIED, _S.CHAINED, _S.EXPORTED, _S.DEPLOYED)
_GATE_STATES = frozenset(
    {_S.AWAITING_APPROVAL, _S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.CERTIFIED, _S.CHAINED}
)


@dataclass(frozen=True, slots=True)
class CalibrationStatus:
    """Where one calibration stands, and since which entry."""

    state: CalibrationState
    """The state."""
    sequence: int
    """Number of the entry that led to it."""
    since: str
    """Time of that entry (UTC)."""
    sites: tuple[str, ...] = ()
    """Sites it has been deployed at, in order."""

    def __str__(self) -> str:
        return f"{self.state}({', '.join(self.sites)})" if self.sites else str(self.state)


def claimed_state(step: str, status: str, outcome: str | None) -> CalibrationState | None:
    """Return the state that a step of a calibration leads to, or None if it leads to none.

    Raises
    ------
    LedgerError
        If the step must say how it ended and does not, such as a verification without an outcome.
    """
    claim = _CLAIMS.get((step, status, outcome)) or _CLAIMS.get((step, status, None))
    if claim is None:
        known = [str(key[2]) for key in _CLAIMS if key[:2] == (step, status)]
        if known:
            raise LedgerError(
                f"step '{step}' ended with '{outcome}', which leads to no state", f"one of {', '.join(known)}"
            )
    return claim


def next_status(
    current: CalibrationStatus | None, entry: "Entry", *, calibration: str | None = None
) -> CalibrationStatus | None:
    """Return where a calibration stands after an entry.

    Parameters
    ----------
    current
        Where it stood; None if it was not heard of.
    entry
        What happened.
    calibration
        Name for messages.

    Returns
    -------
    CalibrationStatus or None
        The new status, or ``current`` if the entry changes nothing.

    Raises
    ------
    GateError
        If what must be approved is not.
    LedgerError
        If the step is not legal for another reason. Both name the state and the one refused.
    """
    claim = claimed_state(entry.step, entry.status, entry.outcome)
    if claim is None:
        return current
    state = current.state if current else None
    if current and entry.step in _REPEATABLE and _lies_behind(claim, current.state):
        return current
    if claim not in LEGAL[state]:
        raise _illegal(calibration or entry.calibration or "calibration", state, claim)
    sites = current.sites if current and claim in _RELEASE_PATH else ()
    if claim is _S.DEPLOYED and entry.site and entry.site not in sites:
        sites = (*sites, entry.site)
    if current and state is claim:
        return replace(current, sites=sites)
    return CalibrationStatus(claim, entry.sequence, entry.when_utc, sites)


def statuses(entries: Iterable["Entry"]) -> dict[str, CalibrationStatus]:
    """Derive where each calibration of a campaign stands from the campaign's entries, in their order."""
    found: dict[str, CalibrationStatus] = {}
    for entry in entries:
        if entry.calibration is None:
            continue
        status = next_status(found.get(entry.calibration), entry)
        if status is not None:
            found[entry.calibration] = status
    return found


def _lies_behind(claim: CalibrationState, state: CalibrationState) -> bool:
    if claim is _S.PLANNED:
        return state is not _S.PLANNED
    if claim not in _RELEASE_PATH or state not in _RELEASE_PATH:
        return False
    return _RELEASE_PATH.index(claim) <= _RELEASE_PATH.index(state)


def _illegal(name: str, state: CalibrationState | None, claim: CalibrationState) -> Exception:
    words = f"{name} is {state or 'unknown to the campaign'} and cannot become {claim}"
    following = ", ".join(sorted(LEGAL[state])) or "nothing"
    if claim in _GATE_STATES:
        return GateError(words, f"from here it can become: {following}")
    return LedgerError(words, f"from here it can become: {following}")
