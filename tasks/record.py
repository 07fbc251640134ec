"""Stage: write the campaign down as a script that anyone can read and run."""

from pathlib import Path

from prefect import task

from infra.files import write_atomically
from infra.workspace import open_workspace
from tasks.artifacts import text_artifact
from tasks.campaigns.script import SCRIPT_NAME, campaign_script
from tasks.campaigns.store import load_campaign

__all__ = ["record"]


@task(task_run_name="record")
def record(repository: Path, profile: Path | None, campaign: str) -> None:
    """Write the replay script of a campaign beside its report."""
    with open_workspace(repository, profile) as workspace:
        loaded = load_campaign(workspace, campaign)
        script = campaign_script(workspace, loaded)
        target = workspace.campaign_directory(loaded.name.rerun) / SCRIPT_NAME
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, script)
        text_artifact(f"{loaded.name.instrument}-replay", script, f"Replay script of {loaded.name}")
