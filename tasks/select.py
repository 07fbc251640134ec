"""Stage: choose exposures for every calibration of a day, and open the campaign that will make them."""

from pathlib import Path

from prefect import task

from infra.butler.repository import open_butler
from infra.errors import SelectionError, UsageError
from infra.ledger import Step
from infra.ledger.clock import now
from infra.progress import say
from infra.workspace import Workspace, open_workspace
from tasks.artifacts import selection_artifact
from tasks.campaigns.gather import plan_day
from tasks.campaigns.model import CampaignRecord, campaign_parameters
from tasks.campaigns.requests import check_settings
from tasks.selection.explicit import Overrides
from tasks.selection.model import Plan

__all__ = ["open_campaign", "select"]


@task(task_run_name="select {day_obs}")
def select(
    repository: Path,
    profile: Path | None,
    day_obs: int,
    producer: str,
    calibrations: tuple[str, ...] = (),
    exposures: tuple[int, ...] = (),
    override_reason: str | None = None,
    ticket: str | None = None,
    tag: str | None = None,
    new: bool = False,
) -> str:
    """Open a campaign for a day, or find the unfinished one; returns its name."""
    overrides = Overrides(frozenset(exposures), override_reason) if exposures else None
    with open_workspace(repository, profile) as workspace:
        campaign = open_campaign(
            workspace,
            day_obs,
            producer,
            calibrations=calibrations,
            overrides=overrides,
            ticket=ticket,
            tag=tag,
            new=new,
        )
        selection_artifact(campaign)
        return str(campaign.name)


def open_campaign(
    workspace: Workspace,
    day_obs: int,
    producer: str,
    *,
    calibrations: tuple[str, ...] = (),
    overrides: Overrides | None = None,
    ticket: str | None = None,
    tag: str | None = None,
    new: bool = False,
) -> CampaignRecord:
    """Plan a day and open a campaign for it, or go on with the one that is not finished.

    Parameters
    ----------
    workspace
        Profile and ledger.
    day_obs
        Observing day.
    producer
        Who asked for it.
    calibrations
        Only these; all of the profile when empty.
    overrides
        Exposures named by a person.
    ticket, tag
        Words in the names of collections; the profile's by default.
    new
        Open another campaign even though one of the day is unfinished.

    Raises
    ------
    SelectionError
        No calibration can be made from the day.
    UsageError
        The unfinished campaign combines other exposures than those named.
    """
    check_settings(workspace)
    with open_butler(workspace.repository) as butler:
        plan = plan_day(workspace, butler, day_obs, calibrations=calibrations, overrides=overrides)
    keys = plan.keys()
    if not keys:
        wants = "; ".join(f"{one.calibration}: {one.advice}" for one in plan.shortages)
        raise SelectionError(f"nothing can be made from {day_obs}", wants or "see: calprod plan")
    order = workspace.profile.ordered()
    words_of_name = (ticket or workspace.profile.campaign.ticket, tag or workspace.profile.campaign.tag)
    opened = workspace.ledger.open_campaign(
        workspace.instrument,
        *words_of_name,
        day_obs,
        producer,
        parameters=campaign_parameters(plan, order, now()),
        resume=not new and _can_go_on(workspace, plan, overrides, words_of_name),
    )
    campaign = CampaignRecord.from_ledger(opened)
    known = workspace.ledger.states(opened.name)
    workspace.ledger.record_all(
        Step(
            step="select",
            status="done",
            who=producer,
            campaign=opened.name,
            calibration=str(planned.key),
            inputs=planned.generation,
            parameters={"verification": planned.verification},
            digest=campaign.plan_digest,
        )
        for planned in campaign.calibrations
        if str(planned.key) not in known
    )
    word = "goes on" if known else "opened"
    say(f"campaign {campaign.name} {word}: {', '.join(str(one.key) for one in campaign.calibrations)}")
    return campaign


def _can_go_on(
    workspace: Workspace, plan: Plan, overrides: Overrides | None, words_of_name: tuple[str, str]
) -> bool:
    """Tell whether the day's unfinished campaign, if there is one, makes all that is asked for."""
    unfinished = [
        campaign
        for campaign in workspace.ledger.campaigns(workspace.instrument, plan.day_obs)
        if (campaign.ticket, campaign.tag) == words_of_name
        and not workspace.ledger.is_finished(campaign.name)
    ]
    if not unfinished:
        return True
    campaign = CampaignRecord.from_ledger(unfinished[-1])
    made = {str(planned.key): planned.generation for planned in campaign.calibrations}
    asked = plan.keys()
    if missing := [str(key) for key in asked if str(key) not in made]:
        say(f"campaign {campaign.name} does not make {', '.join(missing)}; another one is opened")
        return False
    if overrides is not None:
        for key in asked:
            if tuple(sorted(plan.generation(key))) != made[str(key)]:
                raise UsageError(
                    f"campaign {campaign.name} of that day is not finished, and combines other exposures"
                    f" into {key}",
                    "decide on it first, or open another with --new",
                )
    return True
