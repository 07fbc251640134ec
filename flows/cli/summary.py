"""Tables that several verbs print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.cli.output import print_table

__all__ = ["campaign_rows", "print_states"]


def print_states(repository: Path, profile: Path | None, campaign: str) -> None:
    """Print where each calibration of a campaign stands."""
    from infra.workspace import open_workspace
    from tasks.campaigns.store import load_campaign

    with open_workspace(repository, profile) as workspace:
        loaded = load_campaign(workspace, campaign)
        rows = campaign_rows(workspace.ledger.statuses(str(loaded.name)), loaded)
    print_table(
        ("calibration", "state", "combined", "tested on", "since (UTC)"), rows, title=str(loaded.name)
    )


def campaign_rows(statuses: Any, campaign: Any) -> Sequence[Sequence[object]]:
    """Return one row per calibration: key, state, numbers of exposures, and since when."""
    rows = []
    for planned in campaign.calibrations:
        status = statuses.get(str(planned.key))
        rows.append(
            (
                str(planned.key),
                "unknown" if status is None else str(status),
                len(planned.generation),
                len(planned.exposures),
                "" if status is None else status.since[:19],
            )
        )
    return rows
