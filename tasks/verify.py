"""Stage: apply a calibration to exposures, measure what is left, and judge it by the policy."""

import hashlib
import json
from pathlib import Path

from lsst.daf.butler import Butler
from prefect import task

from infra.butler.execution import PipelineOutcome, run_pipeline
from infra.butler.repository import open_butler
from infra.progress import say
from infra.settings import Policy, load_policy
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord, PlannedCalibration
from tasks.campaigns.recording import recorded
from tasks.campaigns.requests import detectors_of, pipeline_argument, prior_calibrations, verification_request
from tasks.campaigns.store import load_campaign
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import DetectorStatistics, ExposureGroup, PlannedFrame, Verdict

__all__ = ["judge", "verify", "verify_calibration"]


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
        priors = prior_calibrations(workspace, butler, campaign, planned)
        request = verification_request(workspace, campaign, planned, priors)
        outcome = run_pipeline(butler, request)
        statistics = read_statistics(butler, outcome)
        verdict = judge(butler, campaign, planned, statistics, policy)
        workspace.ledger.add_metrics(
            list(metric_rows(statistics, campaign=str(campaign.name), calibration=key))
        )
        result.command = request.command(pipeline=pipeline_argument(request.pipeline))
        result.parameters = {"run": outcome.run, "policy": policy.version, "verdict": verdict.plain()}
        result.outcome = verdict.outcome.value
        result.digest = verdict_digest(verdict)
        say(f"{key}: {verdict.outcome.value}")
        return verdict


def judge(
    butler: Butler,
    campaign: CampaignRecord,
    planned: PlannedCalibration,
    statistics: list[DetectorStatistics],
    policy: Policy,
) -> Verdict:
    """Judge statistics by the policy, and prove that they were measured with the candidate itself."""
    candidates = {
        int(ref.dataId["detector"]): str(ref.id)
        for ref in butler.query_datasets(
            planned.key.calibration,
            collections=[campaign.generation_run(planned.key)],
            find_first=False,
            explain=False,
        )
    }
    artefacts = known_artefacts(campaign, str(planned.key))
    detectors = {one.detector for one in statistics} | set(candidates)
    detectors |= set(detectors_of(butler, campaign.name.instrument, planned.generation))
    expected = [
        PlannedFrame(exposure=exposure, detector=detector, group=group, artefact=artefacts.get(exposure))
        for detector in sorted(detectors)
        for group, exposures in (
            (ExposureGroup.GENERATION, planned.generation),
            (ExposureGroup.VERIFICATION, planned.verification),
        )
        for exposure in exposures
    ]
    return evaluate(
        statistics,
        policy,
        calibration=str(planned.key),
        expected=expected,
        candidates=candidates,
        day_obs=campaign.day_obs,
    )


def known_artefacts(campaign: CampaignRecord, key: str) -> dict[int, str]:
    """Return the exposures with an artefact of their own: first ones, and those after saturated ones."""
    found: dict[int, str] = {}
    for row in campaign.plan["exposures"]:
        evidence = row["evidence"]
        if row["calibration"] != key or row["role"] != "verification":
            continue
        if evidence.get("position") == 1:
            found[row["exposure"]] = "first exposure of its set"
        elif "after_saturated" in evidence:
            found[row["exposure"]] = f"taken right after the saturated exposure {evidence['after_saturated']}"
    return found


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
