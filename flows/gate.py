"""The two ways to the gate: Prefect's form and the command line, kept in step."""

from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_API_URL

from tasks.approve import DecisionInput

__all__ = ["open_release_run", "resume_release_run", "suspended_release_run"]

_FLOW = "release"


def open_release_run(repository: Path, profile: Path | None, campaign: str) -> UUID | None:
    """Start the release run whose form is the gate, where a deployment serves it; once for a campaign.

    Returns
    -------
    UUID or None
        The run; None where no server or no deployment is there, and the gate is answered on the command line.
    """
    if not PREFECT_API_URL.value():
        return None
    with get_client(sync_client=True) as client:
        found = client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[_FLOW])),
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(like_="release")),
        )
    if not found:
        return None
    run: Any = run_deployment(
        found[0].id,
        parameters={"parameters": _parameters(repository, profile, campaign)},
        timeout=0,
        idempotency_key=f"release {campaign}",
        as_subflow=False,
    )
    return UUID(str(run.id))


def suspended_release_run(campaign: str) -> UUID | None:
    """Return the release run that waits for a decision on a campaign, if a server knows one."""
    if not PREFECT_API_URL.value():
        return None
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[_FLOW])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended", "Paused"]))
            ),
        )
    for run in runs:
        given: dict[str, Any] = (run.parameters or {}).get("parameters") or {}
        if given.get("campaign") == campaign:
            return run.id
    return None


def resume_release_run(campaign: str, given: DecisionInput) -> bool:
    """Wake the release run that waits for a decision already recorded; tell whether there was one."""
    run = suspended_release_run(campaign)
    if run is None:
        return False
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run, run_input=given.model_dump(mode="json"))
    return True


def _parameters(repository: Path, profile: Path | None, campaign: str) -> dict[str, Any]:
    return {
        "repository": str(repository),
        "profile": None if profile is None else str(profile),
        "campaign": campaign,
    }
