"""The release flow: wait for the decision, then certify, chain, export, sync and prove."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import deployment
from prefect.states import Completed

from flows.form import ask_in_form
from flows.parameters import ReleaseParameters
from infra.errors import CalprodError, GateError, ReleaseError
from infra.ledger import CalibrationState
from infra.locks import exclusive
from infra.progress import say
from infra.workspace import open_workspace
from tasks.approve import apply_answer, initial_input
from tasks.artifacts import parameters_artifact
from tasks.campaigns.rounds import ReleaseRound, begin_round, finish_round
from tasks.campaigns.store import load_campaign
from tasks.certify import certify_stage
from tasks.chain import chain_stage
from tasks.compare import compare
from tasks.export import export_stage
from tasks.gate.decide import last_question, open_questions
from tasks.record import record
from tasks.sync import sync_stage

__all__ = ["release"]


@flow(name="release", flow_run_name="{parameters.campaign}", log_prints=False)
def release(parameters: ReleaseParameters) -> str:
    """Wait for the decision on a campaign, then release what was approved; returns the sites' digest.

    Under a deployment the run suspends until somebody answers, for weeks if need be; what stands before the
    gate is repeated when it resumes, and changes nothing then. Without a deployment the answer must have been
    given with ``calprod approve``.

    Raises
    ------
    GateError
        Nothing is approved, or an approval is void.
    """
    repository, profile = parameters.repository, parameters.profile
    with open_workspace(repository, profile) as workspace:
        parameters_artifact("release", workspace.instrument, parameters.model_dump(mode="json"))
    _pass_the_gate(repository, profile, parameters.campaign)
    if deployment.id is not None and _rejected(repository, profile, parameters.campaign):
        return _ended(f"{parameters.campaign} was rejected: there is nothing to release")
    with open_workspace(repository, profile) as workspace:
        name = load_campaign(workspace, parameters.campaign).name
        lock = workspace.campaign_directory(name.rerun) / "lock"
    with exclusive(lock, str(name)):
        current = _begin(repository, profile, parameters.campaign)
        if current is not None:
            _release_round(repository, profile, parameters.campaign, current)
        record(repository, profile, parameters.campaign)
    return compare(repository, profile)


def _pass_the_gate(repository: Path, profile: Path | None, campaign: str) -> None:
    """Ask until everything that waits is decided; a refused answer is asked for again, with the reason."""
    refused: str | None = None
    again = False
    while True:
        with open_workspace(repository, profile) as workspace:
            loaded = load_campaign(workspace, campaign)
            if not open_questions(workspace, loaded) or deployment.id is None:
                return
            form = initial_input(workspace, loaded, refused)
            question = last_question(workspace, loaded)
        # A suspended run costs nothing: its process ends, and the worker starts it again when it is answered.
        given = ask_in_form(form, question, again=again)
        again = True
        if given is None:
            refused = "the form came back empty"
            continue
        with open_workspace(repository, profile) as workspace:
            refused = apply_answer(workspace, load_campaign(workspace, campaign), given)


def _rejected(repository: Path, profile: Path | None, campaign: str) -> bool:
    """Tell whether people refused all that the campaign made."""
    with open_workspace(repository, profile) as workspace:
        states = workspace.ledger.states(str(load_campaign(workspace, campaign).name))
    return bool(states) and all(state is CalibrationState.REJECTED for state in states.values())


def _ended(why: str) -> Any:
    """Return the state of a run that ends without a release; Prefect takes it for the run's own."""
    say(why)
    return Completed(name="Rejected", message=why)


def _begin(repository: Path, profile: Path | None, campaign: str) -> ReleaseRound | None:
    """Return the round to work on; None when all that was approved has been released."""
    with open_workspace(repository, profile) as workspace:
        loaded = load_campaign(workspace, campaign)
        current = begin_round(workspace, loaded)
        if current is None and not any(
            entry.step == "release" for entry in workspace.ledger.entries(campaign=str(loaded.name))
        ):
            states = workspace.ledger.states(str(loaded.name))
            listed = ", ".join(f"{key} is {state}" for key, state in states.items())
            raise GateError(
                f"nothing of {loaded.name} is approved: {listed}",
                f"approve it with: calprod approve {loaded.name} --reviewer NAME --begin {loaded.day_obs}",
            )
        return current


def _release_round(repository: Path, profile: Path | None, campaign: str, current: ReleaseRound) -> None:
    """Do everything for one round; every step finds out what is done already.

    Raises
    ------
    ReleaseError
        A site could not be reached, or refused. The others have been brought to the round.
    """
    rerun, keys = current.cert_rerun, current.keys
    certify_stage(repository, profile, campaign, rerun, keys)
    chain_stage(repository, profile, campaign, rerun, keys)
    bundle = export_stage(repository, profile, campaign, rerun, keys)
    with open_workspace(repository, profile) as workspace:
        sites = [remote.name for remote in workspace.profile.remotes]
    failures: list[str] = []
    for site in sites:
        try:
            sync_stage(repository, profile, campaign, rerun, keys, bundle, site)
        except CalprodError as error:  # one site that is away does not keep the others waiting
            failures.append(f"{site}: {error}")
    if failures:
        raise ReleaseError(
            f"{len(failures)} of {len(sites)} sites are not brought to {rerun}: {'; '.join(failures)}",
            "mend them, and run the release again to go on",
        )
    with open_workspace(repository, profile) as workspace:
        finish_round(workspace, load_campaign(workspace, campaign), current)
