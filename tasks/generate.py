"""Stage: make a calibration from the exposures that were chosen for it."""

from pathlib import Path

from prefect import task

from infra.butler.execution import PipelineOutcome, run_pipeline
from infra.butler.repository import open_butler
from infra.errors import RepositoryError
from infra.progress import say
from infra.storage import ChecksumCache
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.priors import prior_calibrations, settings_of
from tasks.campaigns.recording import recorded
from tasks.campaigns.requests import generation_request, pipeline_argument
from tasks.campaigns.store import load_campaign
from tasks.gate.binding import datasets_digest
from tasks.gate.candidates import contents_now

__all__ = ["generate", "generate_calibration"]


@task(task_run_name="generate {key}")
def generate(repository: Path, profile: Path | None, campaign: str, key: str) -> str:
    """Make one calibration of a campaign; returns the RUN that holds it."""
    with open_workspace(repository, profile) as workspace:
        return generate_calibration(workspace, load_campaign(workspace, campaign), key).run


def generate_calibration(workspace: Workspace, campaign: CampaignRecord, key: str) -> PipelineOutcome:
    """Make one calibration of a campaign, going on where an earlier attempt stopped.

    Raises
    ------
    RepositoryError
        A calibration it needs is missing, or the pipeline failed.
    """
    planned = campaign.calibration(key)
    with (
        open_butler(workspace.repository, writeable=True) as butler,
        recorded(
            workspace.ledger,
            "generate",
            who=campaign.producer,
            campaign=str(campaign.name),
            calibration=key,
            inputs=planned.generation,
        ) as result,
    ):
        say(f"{key}: making it from {len(planned.generation)} exposures")
        priors = prior_calibrations(workspace, butler, campaign, planned)
        request = generation_request(workspace, campaign, planned, priors)
        outcome = run_pipeline(butler, request)
        made = outcome.outputs.get(planned.key.calibration, ())
        if not made:
            raise RepositoryError(
                f"{request.pipeline.stem} made no {planned.key.calibration} in {outcome.run}",
                f"see its log datasets there; it searched {', '.join(request.inputs)}",
            )
        with ChecksumCache.open() as checksums:
            result.digest = datasets_digest(contents_now(butler, made, checksums))
        if not settings_of(workspace, planned).is_certified:
            result.outcome = "intermediate"
        result.command = request.command(pipeline=pipeline_argument(request.pipeline))
        result.parameters = {
            "run": outcome.run,
            "priors": [
                {"calibration": one.calibration, "run": one.run, "uuids": one.uuids} for one in priors
            ],
            "configuration": outcome.configuration,
            "where": request.where,
        }
        return outcome
