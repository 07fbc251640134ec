"""Stage: apply a calibration to exposures, measure what is left, and judge it by the policy."""

import hashlib
import json
from pathlib import Path

from lsst.daf.butler import Butler
from prefect import task

from infra.butler.execution import PipelineOutcome, run_pipeline
from infra.butler.repository import open_butler
from infra.progress import say
from infra.settings import load_policy
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.expectation import expectation
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.priors import pinned_priors, runs_in_use
from tasks.campaigns.recording import recorded
from tasks.campaigns.requests import pipeline_argument, verification_request
from tasks.campaigns.store import load_campaign
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import DetectorStatistics, Verdict

__all__ = ["verify", "verify_calibration"]


@task(task_run_name="verify {key}")
def verify(repository: Path, profile: Path | None, campaign: str, key: str) -> str:
    """Verify one calibration of a campaign; returns the outcome in a word."""
    with open_workspace(repository, profile) as workspace:
        return str(verify_calibration(workspace, load_campaign(workspace, campaign), key).outcome.value)


def verify_calibration(workspace: Workspace, campaign: CampaignRecord, key: str) -> Verdict:
    """Measure and judge one calibration; a failed test is a result here, not an error.

    Raises
    ------
    RepositoryError
        The pipeline itself failed.
    """
    planned = campaign.calibration(key)
    policy = load_policy(workspace.profile.policy, beside=workspace.profile_path)
    with (
        open_butler(workspace.repository, writeable=True) as butler,
        recorded(
            workspace.ledger,
            "verify",
            who=campaign.producer,
            campaign=str(campaign.name),
            calibration=key,
            inputs=planned.exposures,
        ) as result,
    ):
        say(f"{key}: verifying on {len(planned.exposures)} exposures")
        priors = pinned_priors(workspace, butler, campaign, planned)
        former = runs_in_use(butler, campaign, planned)
        request = verification_request(workspace, campaign, planned, priors, former)
        outcome = run_pipeline(butler, request)
        statistics = read_statistics(butler, outcome)
        question = expectation(butler, campaign, planned)
        verdict = evaluate(statistics, policy, calibration=key, **question.arguments())
        workspace.ledger.add_metrics(
            list(metric_rows(statistics, campaign=str(campaign.name), calibration=key))
        )
        result.command = request.command(pipeline=pipeline_argument(request.pipeline))
        result.parameters = {"run": outcome.run, "policy": policy.version, "verdict": verdict.plain()}
        result.outcome = verdict.outcome.value
        result.digest = verdict_digest(verdict)
        say(f"{key}: {verdict.outcome.value}")
        return verdict


def read_statistics(butler: Butler, outcome: PipelineOutcome) -> list[DetectorStatistics]:
    """Read what the verification pipeline measured, one record per detector."""
    return [
        DetectorStatistics.model_validate(butler.get(ref))
        for name, refs in sorted(outcome.outputs.items())
        if name.endswith("Statistics")
        for ref in refs
    ]


def verdict_digest(verdict: Verdict) -> str:
    """Return the sha256 over every result of a verdict and the policy behind it."""
    return hashlib.sha256(json.dumps(verdict.plain(), sort_keys=True).encode()).hexdigest()
