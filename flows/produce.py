"""The produce flow: from the exposures of a day to calibrations that wait for a decision."""

from collections.abc import Callable, Sequence
from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows.gate import open_release_runs
from flows.parameters import ProduceParameters
from infra.errors import CalprodError
from infra.locks import exclusive
from infra.workspace import open_workspace
from tasks.approve import ask_for_decision
from tasks.artifacts import parameters_artifact
from tasks.campaigns.progress import work_left
from tasks.campaigns.store import load_campaign
from tasks.generate import generate
from tasks.record import record
from tasks.report import report
from tasks.select import select
from tasks.verify import verify

__all__ = ["produce"]


@flow(name="produce", flow_run_name="{parameters.day_obs}", log_prints=False)
def produce(parameters: ProduceParameters) -> str:
    """Select, generate and verify the calibrations of one day, up to the gate; returns the campaign's name.

    A killed run can be started again with the same parameters: it goes on with the campaign of the day.

    Raises
    ------
    CalprodError
        A calibration could not be made or verified. The others have been, and wait for a decision.
    """
    repository, profile = parameters.repository, parameters.profile
    with open_workspace(repository, profile) as workspace:
        parameters_artifact("produce", workspace.instrument, parameters.model_dump(mode="json"))
    campaign = select(
        repository,
        profile,
        parameters.day_obs,
        parameters.producer,
        parameters.calibrations,
        parameters.exposures,
        parameters.override_reason,
        parameters.ticket,
        parameters.tag,
        parameters.new,
    )
    with open_workspace(repository, profile) as workspace:
        lock = workspace.campaign_directory(load_campaign(workspace, campaign).name.rerun) / "lock"
    with exclusive(lock, campaign):
        failures = _make_all(repository, profile, campaign, parameters.calibrations)
        record(repository, profile, campaign)
        ask_for_decision(repository, profile, campaign)
        report(repository, profile, campaign)
    open_release_runs(repository, profile)
    if failures:
        listed = "; ".join(f"{key}: {reason}" for key, reason in failures.items())
        raise CalprodError(
            f"{len(failures)} of the calibrations of {campaign} could not be made or verified: {listed}",
            "mend the cause and run the day again; or make the others alone, with: calprod run --new --calib",
        )
    return campaign


def _make_all(
    repository: Path, profile: Path | None, campaign: str, wanted: tuple[str, ...]
) -> dict[str, str]:
    """Make and verify what is left to do; return why a calibration was not made or not verified.

    What cannot be made takes those along that are made with it, also where they could do without: a night in
    which one is corrected and another is not would be a quiet mistake. The others go on.
    """
    failures: dict[str, str] = {}
    unmade: list[str] = []
    with open_workspace(repository, profile) as workspace:
        work = work_left(workspace, load_campaign(workspace, campaign), wanted)
    for item in work:
        lost = [need for need in item.needs if need in unmade]
        reason = _for_want_of(lost) if lost else None
        if item.generate and reason is None:
            reason = _attempt(generate, repository, profile, campaign, item.key)
        if reason is not None:
            unmade.append(item.key)
        elif item.verify:
            # What cannot be measured now is made all the same: others may be made with it.
            reason = _attempt(verify, repository, profile, campaign, item.key)
        if reason is not None:
            failures[item.key] = reason
            get_run_logger().error("%s: %s", item.key, reason)
    return failures


def _for_want_of(lost: Sequence[str]) -> str:
    return f"left out, since {' and '.join(lost)} could not be made"


def _attempt(
    stage: Callable[[Path, Path | None, str, str], str],
    repository: Path,
    profile: Path | None,
    campaign: str,
    key: str,
) -> str | None:
    """Do one stage of one calibration; return why it failed, or None."""
    try:
        stage(repository, profile, campaign, key)
    except CalprodError as error:
        return str(error)
    return None
