"""Stage: ask people for a decision, and take their answers."""

from pathlib import Path
from typing import Literal

from prefect import task
from prefect.input import RunInput
from pydantic import Field

from infra.errors import CalprodError
from infra.progress import say
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.store import load_campaign
from tasks.gate.decide import Answer, ask, decide, open_questions
from tasks.gate.question import question_text

__all__ = ["DecisionInput", "apply_answer", "ask_for_decision", "initial_input"]


class DecisionInput(RunInput):
    """The form of the gate: what a reviewer decides on a campaign."""

    decision: Literal["approve", "reject"] = Field(title="Decision")
    reviewer: str = Field(title="Reviewer", description="Who decides, as named in the profile")
    calibrations: list[str] = Field(
        default_factory=list,
        title="Only these calibrations",
        description="Such as bias or flat-r; none means all",
    )
    begin_day_obs: int | None = Field(
        default=None,
        title="First day of validity",
        description="day_obs, such as 20240318; needed to approve",
    )
    end_day_obs: int | None = Field(
        default=None, title="Last day of validity", description="day_obs, itself covered; empty for open"
    )
    accepted_failures: str | None = Field(
        default=None, title="Accepted failures", description="Why known failures are tolerable"
    )
    reason: str | None = Field(default=None, title="Reason", description="Needed to reject")

    def answer(self) -> Answer:
        """Return what was said, to be checked."""
        return Answer(
            approve=self.decision == "approve",
            reviewer=self.reviewer.strip(),
            calibrations=tuple(self.calibrations),
            begin_day=self.begin_day_obs,
            end_day=self.end_day_obs,
            accepted_failures=self.accepted_failures or None,
            reason=self.reason or None,
        )


@task(task_run_name="ask for a decision")
def ask_for_decision(repository: Path, profile: Path | None, campaign: str) -> tuple[str, ...]:
    """Open the gate's question; returns the calibrations that wait."""
    with open_workspace(repository, profile) as workspace:
        waiting = ask(workspace, load_campaign(workspace, campaign))
    if waiting:
        say(f"waiting for a decision: {', '.join(waiting)}")
    return waiting


def initial_input(
    workspace: Workspace, campaign: CampaignRecord, refused: str | None = None
) -> type[DecisionInput]:
    """Return the form with its question, and with why the last answer was refused, if it was."""
    return DecisionInput.with_initial_data(
        description=question_text(workspace, campaign, refused), begin_day_obs=campaign.day_obs
    )


def apply_answer(workspace: Workspace, campaign: CampaignRecord, given: DecisionInput) -> str | None:
    """Take an answer; return why it was refused, or None.

    An answer that is refused changes nothing. One that was taken before, because the flow was started again
    from its top, is harmless.
    """
    if not open_questions(workspace, campaign):
        return None
    try:
        outcomes = decide(workspace, campaign, given.answer())
    except CalprodError as error:
        return str(error)
    for key, outcome in outcomes.items():
        say(f"{key}: {outcome}")
    return None
