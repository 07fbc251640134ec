"""Giving an answer at the gate from the command line; the form in Prefect's pages is the same gate."""

from pathlib import Path
from typing import Any

from flows.cli.output import console, print_table
from flows.prefect_settings import apply_prefect_settings

__all__ = ["give_answer"]


def give_answer(campaign: str, repository: Path, profile: Path | None, **answer: Any) -> None:
    """Record an answer, say what it means, and wake the release run that waits for it, if one does."""
    apply_prefect_settings(repository.resolve() / "calprod" / "prefect")
    from flows.gate import resume_release_run
    from infra.workspace import open_workspace
    from tasks.approve import DecisionInput
    from tasks.campaigns.store import load_campaign
    from tasks.gate.approvals import approvals, past_the_gate
    from tasks.gate.decide import decide, open_questions

    given = DecisionInput(**answer)
    with open_workspace(repository, profile) as workspace:
        loaded = load_campaign(workspace, campaign)
        outcomes = decide(workspace, loaded, given.answer())
        print_table(("calibration", "decision"), list(outcomes.items()), title=str(loaded.name))
        approved = set(past_the_gate(workspace, loaded)) & set(outcomes)
        for approval in approvals(workspace, loaded, approved):
            console.print(f"{approval.key} is to be valid: {approval.validity.describe()}")
        waiting = open_questions(workspace, loaded)
    name = str(loaded.name)
    if waiting:
        console.print(f"still waiting for a decision: {', '.join(waiting)}")
    elif resume_release_run(workspace.repository, name, given):
        console.print("the release run that waited for this goes on")
    elif any(outcome.startswith("approved") for outcome in outcomes.values()):
        console.print(f"release with: calprod release {name} -b {repository}")
