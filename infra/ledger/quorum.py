"""Whether the decisions of reviewers open the gate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from infra.ledger.model import Decision

if TYPE_CHECKING:
    from infra.settings.gate import GateSettings

__all__ = ["GateVerdict", "evaluate_gate", "quorum_reached"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What the decisions given so far mean for one calibration."""

    calibration: str
    """Calibration key."""
    outcome: Literal["pending", "approved", "rejected", "expired"]
    """Which way."""
    approvals: tuple[str, ...] = ()
    """Reviewers whose approval counts, in the order given."""
    dissents: tuple[str, ...] = ()
    """Reviewers whose rejection counts; on record even when the others carry it."""
    begin_day_obs: int | None = None
    """First day of validity agreed on."""
    end_day_obs: int | None = None
    """Last day of validity agreed on; None for open."""
    reason: str = ""
    """The outcome in words."""


def evaluate_gate(
    calibration: str,
    decisions: Sequence[Decision],
    gate: "GateSettings",
    *,
    producer: str,
    digest: str,
    at: datetime,
    opened: datetime | None = None,
) -> GateVerdict:
    """Say whether a calibration is approved, rejected, or waits for more decisions.

    Parameters
    ----------
    calibration
        Calibration key.
    decisions
        All decisions of the campaign, in the order given.
    gate
        Reviewers, quorum, separation of duties and expiry.
    producer
        Who made the calibration.
    digest
        Digest of what is to be decided on; decisions about anything else do not count.
    at
        Time to judge at (aware).
    opened
        When the gate was opened (aware); None leaves its expiry out.

    Notes
    -----
    Of each reviewer the last decision counts. The quorum must agree on one validity. As many rejections as
    the quorum reject; so does any number of them once too few of the reviewers named are left to approve.
    What is said after the gate has expired opens nothing, whether or not anybody has closed it by then.
    """
    counting = _counting(calibration, decisions, gate, digest, at, opened)
    approvals = [decision for decision in counting if decision.decision == "approve"]
    dissents = tuple(decision.reviewer for decision in counting if decision.decision == "reject")
    agreed = _largest_agreement(approvals)
    names = tuple(decision.reviewer for decision in agreed)
    alone = not gate.producer_may_approve and names and set(names) == {producer}

    def verdict(outcome: Literal["pending", "approved", "rejected", "expired"], reason: str) -> GateVerdict:
        first = agreed[0] if agreed else None
        return GateVerdict(
            calibration=calibration,
            outcome=outcome,
            approvals=names,
            dissents=dissents,
            begin_day_obs=first.begin_day_obs if first else None,
            end_day_obs=first.end_day_obs if first else None,
            reason=reason,
        )

    if len(names) >= gate.quorum and not alone:
        return verdict("approved", f"approved by {', '.join(names)}")
    # Where anyone may decide there is always another who could approve.
    hopeless = bool(gate.reviewers) and len(gate.reviewers) - len(dissents) < gate.quorum > 1
    if dissents and (len(dissents) >= gate.quorum or hopeless):
        return verdict("rejected", f"rejected by {', '.join(dissents)}")
    if opened and _is_old(opened, gate, at):
        return verdict("expired", f"nobody decided within {gate.expires_after_days:g} days")
    if alone:
        return verdict("pending", f"{producer} made it and may not approve it alone; another must agree")
    if len(names) < len(approvals):
        return verdict("pending", "the approvals name different validity; reviewers must agree on the days")
    return verdict("pending", f"{len(names)} of {gate.quorum} approvals")


def quorum_reached(
    decisions: Sequence[Decision],
    gate: "GateSettings",
    *,
    calibration: str,
    producer: str,
    digest: str,
    at: datetime,
) -> bool:
    """Tell whether enough reviewers approve a calibration; see `evaluate_gate`."""
    verdict = evaluate_gate(calibration, decisions, gate, producer=producer, digest=digest, at=at)
    return verdict.outcome == "approved"


def _counting(
    calibration: str,
    decisions: Sequence[Decision],
    gate: "GateSettings",
    digest: str,
    at: datetime,
    opened: datetime | None,
) -> list[Decision]:
    """Return the last valid decision of each reviewer."""
    last: dict[str, Decision] = {}
    for decision in decisions:
        if calibration not in decision.calibrations or decision.digest != digest:
            continue
        if gate.reviewers and decision.reviewer not in gate.reviewers:
            continue
        given = datetime.fromisoformat(decision.when_utc) if decision.when_utc else at
        if _is_old(given, gate, at) or (opened is not None and _is_old(opened, gate, given)):
            continue
        last.pop(decision.reviewer, None)
        last[decision.reviewer] = decision
    return list(last.values())


def _largest_agreement(approvals: Sequence[Decision]) -> list[Decision]:
    """Return the approvals that name the validity most reviewers name; of equals the one named first."""
    by_validity: dict[tuple[int | None, int | None], list[Decision]] = defaultdict(list)
    for decision in approvals:
        by_validity[decision.begin_day_obs, decision.end_day_obs].append(decision)
    return max(by_validity.values(), key=len, default=[])


def _is_old(when: datetime, gate: "GateSettings", at: datetime) -> bool:
    return gate.expires_after_days is not None and at - when > timedelta(days=gate.expires_after_days)
