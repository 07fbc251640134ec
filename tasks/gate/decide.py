"""Asking for decisions, and taking them."""

from collections.abc import Collection
from dataclasses import dataclass

from infra.butler.repository import open_butler
from infra.butler.validity import Validity
from infra.errors import GateError, UsageError
from infra.ledger import CalibrationState, Decision, Step
from infra.storage import ChecksumCache
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.store import keys_in_state
from tasks.gate.candidates import candidate_now

__all__ = [
    "Answer",
    "ask",
    "decide",
    "last_question",
    "open_questions",
    "refuse_rejected_priors",
]

_JUDGED = (CalibrationState.VERIFIED, CalibrationState.FAILED_VERIFICATION, CalibrationState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer says, before it is checked."""

    approve: bool
    reviewer: str
    calibrations: tuple[str, ...] = ()
    """Only these, such as ``bias`` or ``flat-r``; all that wait when empty."""
    begin_day: int | None = None
    """First day_obs of validity; needed to approve."""
    end_day: int | None = None
    """Last day_obs of validity; None for open."""
    accepted_failures: str | None = None
    """Why known failures are tolerable."""
    reason: str | None = None
    """Why; needed to reject."""


def ask(workspace: Workspace, campaign: CampaignRecord) -> tuple[str, ...]:
    """Open the gate's question for every calibration that has been judged; return those that now wait.

    Checksums are computed afresh: the gate trusts no cache.

    Raises
    ------
    GateError
        A file is not the one that was made; nobody is asked about it.
    """
    judged = keys_in_state(workspace, campaign, *_JUDGED)
    if judged:
        with open_butler(workspace.repository) as butler, ChecksumCache.open() as checksums:
            candidates = [candidate_now(workspace, butler, campaign, key, checksums) for key in judged]
        workspace.ledger.record_all(
            Step(
                step="approve",
                status="started",
                who=campaign.producer,
                campaign=str(campaign.name),
                calibration=candidate.key,
                inputs=tuple(one.uuid for one in candidate.content.datasets),
                digest=candidate.digest,
            )
            for candidate in candidates
            if candidate.as_made
        )
        if changed := [candidate.key for candidate in candidates if not candidate.as_made]:
            raise GateError(
                f"files of {', '.join(changed)} of {campaign.name} are not those that were made and verified",
                "restore them, or make the calibration anew with: calprod run --new",
            )
    return open_questions(workspace, campaign)


def open_questions(workspace: Workspace, campaign: CampaignRecord) -> tuple[str, ...]:
    """Return the calibrations that wait for a decision; gates that were open too long are closed first."""
    workspace.ledger.expire_gates(str(campaign.name), workspace.profile.gate, who="calprod")
    return keys_in_state(workspace, campaign, CalibrationState.AWAITING_APPROVAL)


def last_question(workspace: Workspace, campaign: CampaignRecord) -> int:
    """Return the number of the entry that last asked for a decision on a campaign; 0 if none has."""
    entries = workspace.ledger.entries(campaign=str(campaign.name), step="approve")
    return max((entry.sequence for entry in entries if entry.status == "started"), default=0)


def decide(workspace: Workspace, campaign: CampaignRecord, answer: Answer) -> dict[str, str]:
    """Check and record a reviewer's answer; return what the decisions now mean, by calibration key.

    Raises
    ------
    GateError
        The reviewer may not decide, nothing waits, a candidate changed since the question was asked, or a
        failure is not accepted in words. Nothing is recorded then.
    UsageError
        A calibration is unknown, or the validity makes no sense.
    """
    waiting = open_questions(workspace, campaign)
    keys = _keys(workspace, campaign, answer, waiting)
    if answer.approve:
        if answer.begin_day is None:
            raise UsageError("an approval needs the first day of validity", "give --begin DAY")
        Validity.from_days(answer.begin_day, answer.end_day)
        refuse_rejected_priors(workspace, campaign, keys)
    with open_butler(workspace.repository) as butler, ChecksumCache.open() as checksums:
        digests = {key: candidate_now(workspace, butler, campaign, key, checksums).digest for key in keys}
    decisions = [
        Decision(
            campaign=str(campaign.name),
            reviewer=answer.reviewer,
            decision="approve" if answer.approve else "reject",
            calibrations=(key,),
            digest=digests[key],
            begin_day_obs=answer.begin_day if answer.approve else None,
            end_day_obs=answer.end_day if answer.approve else None,
            accepted_failures=answer.accepted_failures,
            reason=answer.reason,
        )
        for key in keys
    ]
    return {
        verdict.calibration: f"{verdict.outcome} ({verdict.reason})"
        for verdict in workspace.ledger.decide_all(decisions, workspace.profile.gate)
    }


def refuse_rejected_priors(workspace: Workspace, campaign: CampaignRecord, keys: Collection[str]) -> None:
    """Refuse calibrations that were made with another one of the campaign which has been rejected.

    Raises
    ------
    GateError
        Names both.
    """
    states = workspace.ledger.states(str(campaign.name))
    rejected = {
        planned.key.calibration
        for planned in campaign.calibrations
        if planned.key.physical_filter is None and states.get(str(planned.key)) is CalibrationState.REJECTED
    }
    for key in keys:
        settings = workspace.profile.calibration(campaign.calibration(key).key.calibration)
        if wrong := rejected & set(settings.priors if settings else ()):
            raise GateError(
                f"{key} of {campaign.name} was made with its {', '.join(sorted(wrong))}, which was rejected",
                "reject it as well, and make both anew with: calprod run --new",
            )


def _keys(
    workspace: Workspace, campaign: CampaignRecord, answer: Answer, waiting: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the calibrations an answer is about."""
    named = tuple(str(one.key) for one in campaign.select(answer.calibrations))
    if answer.calibrations:
        return named
    if waiting:
        return waiting
    # A repeated answer is harmless: it is about what was decided by it before.
    mine = [one for one in workspace.ledger.decisions(str(campaign.name)) if one.reviewer == answer.reviewer]
    repeated = {key for one in mine if _says_the_same(one, answer) for key in one.calibrations}
    decided = repeated or {key for one in mine for key in one.calibrations}
    if not decided:
        states = workspace.ledger.states(str(campaign.name))
        listed = ", ".join(f"{key} is {state}" for key, state in states.items())
        raise GateError(f"nothing of {campaign.name} waits for a decision: {listed or 'it has not been run'}")
    return tuple(key for key in named if key in decided)


def _says_the_same(decision: Decision, answer: Answer) -> bool:
    words = (decision.decision, decision.begin_day_obs, decision.end_day_obs, decision.accepted_failures)
    if answer.approve:
        return words == ("approve", answer.begin_day, answer.end_day, answer.accepted_failures)
    return (decision.decision, decision.reason) == ("reject", answer.reason)
