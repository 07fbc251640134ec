"""Stage: find the calibration days that are not done yet."""

from pathlib import Path

from lsst.daf.butler import Butler
from prefect import task

from infra.butler.repository import open_butler
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.days import days_of_repository
from tasks.selection.days import CalibrationDay, DayState

__all__ = ["detect", "undone_days"]


@task(task_run_name="detect days")
def detect(repository: Path, profile: Path | None) -> tuple[int, ...]:
    """Return the calibration days of a repository that are complete and not done."""
    with open_workspace(repository, profile) as workspace, open_butler(workspace.repository) as butler:
        return tuple(day.day_obs for day in undone_days(workspace, butler))


def undone_days(workspace: Workspace, butler: Butler) -> tuple[CalibrationDay, ...]:
    """Return the days that can be worked on now: complete, settled, and without a finished campaign."""
    return tuple(day for day in days_of_repository(workspace, butler) if day.state is DayState.READY)
