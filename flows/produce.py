"""The produce flow: from the exposures of a day to calibrations that wait for a decision."""

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
from tasks.campaigns.progress import Work, work_left
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
        A calibration could not be made. The others have been, and wait for a decision.
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
        raise CalprodError(f"{len(failures)} of the calibrations of {campaign} could not be made: {listed}")
    return campaign


def _make_all(
    repository: Path, profile: Path | None, campaign: str, wanted: tuple[str, ...]
) -> dict[str, str]:
    """Make and verify what is left to do; what fails takes only those along that need it."""
    failures: dict[str, str] = {}
    with open_workspace(repository, profile) as workspace:
        work = work_left(workspace, load_campaign(workspace, campaign), wanted)
    for item in work:
        lost = [need for need in item.needs if need in failures]
        if lost:
            failures[item.key] = f"it needs {', '.join(lost)}, which failed"
            continue
        try:
            _make(repository, profile, campaign, item)
        except CalprodError as error:
            failures[item.key] = str(error)
            get_run_logger().error("%s: %s", item.key, error)
    return failures


def _make(repository: Path, profile: Path | None, campaign: str, item: Work) -> None:
    if item.generate:
        generate(repository, profile, campaign, item.key)
    if item.verify:
        verify(repository, profile, campaign, item.key)
