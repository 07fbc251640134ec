"""The two ways to the gate: Prefect's form and the command line, kept in step."""

from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.responses import SetStateStatus
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL

from infra.errors import GateError
from infra.progress import say
from infra.workspace import open_workspace
from tasks.approve import DecisionInput
from tasks.campaigns.model import CampaignRecord
from tasks.gate.decide import last_question, open_questions

__all__ = ["open_release_runs", "resume_release_run", "suspended_release_run"]

_NAME = "release"
"""Name of the flow and of its deployment."""


def open_release_runs(repository: Path, profile: Path | None) -> tuple[UUID, ...]:
    """Start a release run, whose form is the gate, for every campaign that waits; once for a question.

    Returns
    -------
    tuple of UUID
        The runs, new or there already; empty where no server or no deployment is there, and the gate is
        answered on the command line.
    """
    if not PREFECT_API_URL.value():
        return ()
    with open_workspace(repository, profile) as workspace:
        waiting = {}
        for opened in workspace.ledger.campaigns(workspace.instrument):
            campaign = CampaignRecord.from_ledger(opened)
            if open_questions(workspace, campaign):
                waiting[str(campaign.name)] = last_question(workspace, campaign)
    if not waiting:
        return ()
    with get_client(sync_client=True) as client:
        found = client.read_deployments(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[_NAME])),
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[_NAME])),
        )
    if not found:
        say(f"no deployment '{_NAME}' serves the gate; it is answered with: calprod approve")
        return ()
    return tuple(
        suspended_release_run(repository, campaign)
        or _start(found[0].id, repository, profile, campaign, question)
        for campaign, question in waiting.items()
    )


def suspended_release_run(repository: Path, campaign: str) -> UUID | None:
    """Return the release run that waits for a decision on a campaign, if a server knows one."""
    if not PREFECT_API_URL.value():
        return None
    with get_client(sync_client=True) as client:
        return _suspended(client, repository, campaign)


def resume_release_run(repository: Path, campaign: str, given: DecisionInput) -> bool:
    """Wake the release run that waits for a decision already recorded; tell whether there was one.

    Raises
    ------
    GateError
        The server did not answer, or would not wake the run. The decision stands all the same.
    """
    if not PREFECT_API_URL.value():
        return False
    try:
        with get_client(sync_client=True) as client:
            run = _suspended(client, repository, campaign)
            if run is None:
                return False
            result = client.resume_flow_run(run, run_input=given.model_dump(mode="json"))
    except (HTTPError, PrefectException, RuntimeError) as error:
        raise _not_woken(repository, campaign, str(error) or type(error).__name__) from error
    if result.status is not SetStateStatus.ACCEPT:
        raise _not_woken(repository, campaign, str(getattr(result.details, "reason", None) or result.status))
    return True


def _suspended(client: SyncPrefectClient, repository: Path, campaign: str) -> UUID | None:
    names = FlowRunFilterStateName(any_=["Suspended", "Paused"])
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[_NAME])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=names)),
    )
    for run in runs:
        given: dict[str, Any] = (run.parameters or {}).get("parameters") or {}
        # One server may serve many repositories, and their campaigns are named alike.
        if Path(str(given.get("repository"))).resolve() != repository.resolve():
            continue
        asked = str(given.get("campaign"))
        if campaign == asked or campaign.endswith(f"/{asked}"):
            return run.id
    return None


def _start(deployment: UUID, repository: Path, profile: Path | None, campaign: str, question: int) -> UUID:
    root = repository.resolve()
    parameters = {
        "repository": str(root),
        "profile": None if profile is None else str(profile.resolve()),
        "campaign": campaign,
    }
    for attempt in count():
        run: Any = run_deployment(
            deployment,
            parameters={"parameters": parameters},
            timeout=0,
            # The same key gives the same run, so that a question is asked once; but one that came to an end
            # without an answer, because it crashed or was cancelled, asks nobody any more.
            idempotency_key=f"{root} {campaign} {question} {attempt}",
            as_subflow=False,
        )
        if run.state is None or not run.state.is_final():
            break
    return UUID(str(run.id))


def _not_woken(repository: Path, campaign: str, reason: str) -> GateError:
    return GateError(
        f"the decision is recorded, but the release run that waits for it could not be woken: {reason}",
        f"release with: calprod release {campaign} -b {repository}",
    )
