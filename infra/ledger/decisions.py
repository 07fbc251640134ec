"""The gate: decisions are checked against what they are about, recorded, and counted."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from infra.errors import GateError, LedgerError
from infra.ledger.campaigns import CampaignLog, statuses_in
from infra.ledger.clock import now
from infra.ledger.entry_log import read_entries, record_in
from infra.ledger.model import Campaign, Decision, Entry, Step
from infra.ledger.quorum import GateVerdict, evaluate_gate
from infra.ledger.states import CalibrationState, claimed_state

if TYPE_CHECKING:
    from infra.settings.gate import GateSettings

__all__ = ["DecisionLog"]

_DECIDE = "decide"
_FIELDS = (
    "reviewer",
    "decision",
    "calibrations",
    "begin_day_obs",
    "end_day_obs",
    "accepted_failures",
    "reason",
)


class DecisionLog(CampaignLog):
    """Decisions of reviewers and what follows from them."""

    def add_decision(self, decision: Decision) -> Decision:
        """Record a decision without counting it; `decide` does both."""
        named = replace(decision, campaign=self.campaign(decision.campaign).name)
        with self._database.writing() as connection:
            return _record(connection, named)

    def decisions(self, campaign: str) -> tuple[Decision, ...]:
        """Return the decisions about a campaign, in the order they were given."""
        with self._database.reading() as connection:
            return _decisions(connection, campaign)

    def decide(self, decision: Decision, gate: "GateSettings") -> tuple[GateVerdict, ...]:
        """Check a decision, record it, and approve or reject what it brings to the quorum; all in one step.

        Parameters
        ----------
        decision
            What a reviewer says.
        gate
            Rules of the profile.

        Returns
        -------
        tuple of GateVerdict
            What the decisions now mean, one for each calibration decided on. The same answer given twice is
            recorded once.

        Raises
        ------
        GateError
            If the reviewer may not decide, a calibration is not waiting, what was looked at has changed
            since, or a failure is not accepted in words. Nothing is recorded then.
        """
        return self.decide_all((decision,), gate)

    def decide_all(self, decisions: Iterable[Decision], gate: "GateSettings") -> tuple[GateVerdict, ...]:
        """Do what `decide` does for several decisions, each with its own digest: all of them, or none.

        Raises
        ------
        GateError
            If one of them is refused; nothing is recorded of the others either.
        """
        found = [(self.campaign(decision.campaign), decision) for decision in decisions]
        verdicts: list[GateVerdict] = []
        with self._database.writing() as connection:
            for campaign, decision in found:
                named = replace(decision, campaign=campaign.name)
                verdicts += _decide(connection, campaign, named, gate)
        return tuple(verdicts)

    def expire_gates(self, campaign: str, gate: "GateSettings", who: str) -> tuple[str, ...]:
        """Close the gates that were open for too long; return the calibration keys concerned."""
        found = self.campaign(campaign)
        closed: list[str] = []
        with self._database.writing() as connection:
            for key, status in statuses_in(connection, found.name).items():
                if status.state is not CalibrationState.AWAITING_APPROVAL:
                    continue
                verdict = _verdict(connection, found, key, gate)
                if verdict.outcome == "expired":
                    _conclude(connection, found, verdict, who, {})
                    closed.append(key)
        return tuple(closed)


def _decide(
    connection: Connection, campaign: Campaign, decision: Decision, gate: "GateSettings"
) -> list[GateVerdict]:
    if _is_repeated(connection, decision):
        return [_verdict(connection, campaign, key, gate) for key in decision.calibrations]
    _check(connection, campaign, decision, gate)
    _record(connection, decision)
    verdicts = [_verdict(connection, campaign, key, gate) for key in decision.calibrations]
    for verdict in verdicts:
        _record_verdict(connection, campaign, verdict, decision)
    return verdicts


def _record(connection: Connection, decision: Decision) -> Decision:
    step = Step(
        step=_DECIDE,
        status="done",
        who=decision.reviewer,
        campaign=decision.campaign,
        parameters={name: getattr(decision, name) for name in _FIELDS},
        outcome=decision.decision,
        digest=decision.digest,
    )
    return _decision(record_in(connection, step))


def _decisions(connection: Connection, campaign: str) -> tuple[Decision, ...]:
    return tuple(_decision(entry) for entry in read_entries(connection, campaign=campaign, step=_DECIDE))


def _decision(entry: Entry) -> Decision:
    values: dict[str, Any] = {name: entry.parameters.get(name) for name in _FIELDS}
    values["calibrations"] = tuple(entry.parameters["calibrations"])
    return Decision(
        campaign=entry.campaign or "",
        digest=entry.digest or "",
        when_utc=entry.when_utc,
        sequence=entry.sequence,
        **values,
    )


def _is_repeated(connection: Connection, decision: Decision) -> bool:
    """Tell whether the reviewer's last word on these calibrations, since they were asked, was this one."""
    gates = read_entries(connection, campaign=decision.campaign, step="approve")
    asked = [e.sequence for e in gates if e.status == "started" and e.calibration in decision.calibrations]
    mine = [
        past
        for past in _decisions(connection, decision.campaign)
        if past.reviewer == decision.reviewer
        and set(past.calibrations) & set(decision.calibrations)
        and (past.sequence or 0) > max(asked, default=0)
    ]
    return bool(mine) and all(
        getattr(mine[-1], name) == getattr(decision, name) for name in (*_FIELDS, "digest")
    )


def _check(connection: Connection, campaign: Campaign, decision: Decision, gate: "GateSettings") -> None:
    if gate.reviewers and decision.reviewer not in gate.reviewers:
        raise GateError(
            f"{decision.reviewer} is not a reviewer of {campaign.instrument}",
            f"those who may decide are {', '.join(gate.reviewers)}",
        )
    found = statuses_in(connection, campaign.name)
    for key in decision.calibrations:
        state = found[key].state if key in found else None
        if state is not CalibrationState.AWAITING_APPROVAL:
            waiting = [k for k, s in found.items() if s.state is CalibrationState.AWAITING_APPROVAL]
            raise GateError(
                f"{key} of {campaign.name} is {state or 'unknown'}, not awaiting approval",
                f"waiting are: {', '.join(waiting) or 'none'}",
            )
        opened = _gate_entry(connection, campaign.name, key)
        if opened.digest is not None and opened.digest != decision.digest:
            raise GateError(
                f"{key} of {campaign.name} is no longer what {decision.reviewer} looked at: "
                f"digest {opened.digest[:12]}, not {decision.digest[:12]}",
                "read the report again and decide anew",
            )
        failed = _last_verification(connection, campaign.name, key) is CalibrationState.FAILED_VERIFICATION
        if decision.decision == "approve" and failed and not (decision.accepted_failures or "").strip():
            raise GateError(
                f"{key} of {campaign.name} failed verification", "approve it with --accept-failures REASON"
            )


def _gate_entry(connection: Connection, campaign: str, key: str) -> Entry:
    """Return the entry that last opened the gate."""
    entries = read_entries(connection, campaign=campaign, step="approve", calibration=key)
    opened = [entry for entry in entries if entry.status == "started"]
    if not opened:
        raise LedgerError(
            f"nobody has asked for a decision on {key} of {campaign}", "calprod report, then ask"
        )
    return opened[-1]


def _last_verification(connection: Connection, campaign: str, key: str) -> CalibrationState | None:
    entries = read_entries(connection, campaign=campaign, step="verify", calibration=key)
    done = [entry for entry in entries if entry.status == "done"]
    return claimed_state("verify", "done", done[-1].outcome) if done else None


def _verdict(connection: Connection, campaign: Campaign, key: str, gate: "GateSettings") -> GateVerdict:
    opened = _gate_entry(connection, campaign.name, key)
    # Decisions about an earlier gate of the same calibration were about something else.
    given = [d for d in _decisions(connection, campaign.name) if (d.sequence or 0) > opened.sequence]
    return evaluate_gate(
        key,
        given,
        gate,
        producer=campaign.who,
        digest=opened.digest or (given[-1].digest if given else ""),
        at=now(),
        opened=datetime.fromisoformat(opened.when_utc),
    )


def _record_verdict(
    connection: Connection, campaign: Campaign, verdict: GateVerdict, decision: Decision
) -> None:
    if verdict.outcome == "pending":
        return
    accepted = {"accepted_failures": decision.accepted_failures} if verdict.outcome == "approved" else {}
    _conclude(connection, campaign, verdict, decision.reviewer, accepted)


def _conclude(
    connection: Connection, campaign: Campaign, verdict: GateVerdict, who: str, more: dict[str, Any]
) -> None:
    opened = _gate_entry(connection, campaign.name, verdict.calibration)
    parameters = {
        "approvals": verdict.approvals,
        "dissents": verdict.dissents,
        "begin_day_obs": verdict.begin_day_obs,
        "end_day_obs": verdict.end_day_obs,
        "reason": verdict.reason,
        **more,
    }
    step = Step(
        step="approve",
        status="done",
        who=who,
        campaign=campaign.name,
        calibration=verdict.calibration,
        parameters=parameters,
        outcome=verdict.outcome,
        digest=opened.digest,
    )
    record_in(connection, step)
