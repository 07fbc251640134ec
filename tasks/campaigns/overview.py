"""All campaigns at a glance: where each calibration stands, and which certified ones are out of date."""

from dataclasses import dataclass
from typing import Any

from infra.butler.repository import open_butler
from infra.naming import default_chain
from infra.settings import load_dependencies
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.staleness import OutOfDate, out_of_date

__all__ = ["ForeignOutOfDate", "OverviewRow", "overview"]


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One calibration of one campaign."""

    campaign: str
    day_obs: int
    calibration: str
    """Calibration key, such as ``flat-r``."""
    state: str
    since: str
    """Since when (UTC)."""
    out_of_date: tuple[OutOfDate, ...] = ()
    """What it rests on that has been made anew since it was certified."""

    @property
    def words(self) -> str:
        """What is newer, such as ``newer ptc``; empty when it is up to date."""
        sources = dict.fromkeys(one.source for one in self.out_of_date)
        return f"newer {', '.join(sources)}" if sources else ""

    def plain(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "campaign": self.campaign,
            "day_obs": self.day_obs,
            "calibration": self.calibration,
            "state": self.state,
            "since": self.since[:19],
            "out_of_date": [_plain(one) for one in self.out_of_date],
        }


@dataclass(frozen=True, slots=True)
class ForeignOutOfDate:
    """A certified calibration that is out of date, and that no campaign of the ledger made."""

    finding: OutOfDate

    def __str__(self) -> str:
        return str(self.finding)

    def plain(self) -> dict[str, Any]:
        """Return the finding in the shape of a row."""
        return {
            "campaign": None,
            "day_obs": None,
            "calibration": self.finding.calibration,
            "state": "certified",
            "since": None,
            "out_of_date": [_plain(self.finding)],
        }


def overview(workspace: Workspace) -> tuple[list[OverviewRow], list[ForeignOutOfDate]]:
    """Return one row per calibration of every campaign, the latest first, and what else is out of date."""
    campaigns = [
        (CampaignRecord.from_ledger(one), workspace.ledger.statuses(one.name))
        for one in reversed(workspace.ledger.campaigns(workspace.instrument))
    ]
    by_run: dict[str, list[OutOfDate]] = {}
    for finding in _findings(workspace):
        by_run.setdefault(finding.run, []).append(finding)
    rows = []
    for campaign, statuses in campaigns:
        runs = {str(one.key): campaign.generation_run(one.key) for one in campaign.calibrations}
        for key, status in statuses.items():
            findings = tuple(by_run.pop(runs.get(key, ""), ()))
            rows.append(
                OverviewRow(str(campaign.name), campaign.day_obs, key, str(status), status.since, findings)
            )
    return rows, [ForeignOutOfDate(one) for findings in by_run.values() for one in findings]


def _findings(workspace: Workspace) -> tuple[OutOfDate, ...]:
    graph = load_dependencies(workspace.profile.dependencies, beside=workspace.profile_path)
    with open_butler(workspace.repository) as butler:
        return out_of_date(butler, default_chain(workspace.instrument), graph)


def _plain(finding: OutOfDate) -> dict[str, str]:
    return {
        "source": finding.source,
        "source_run": finding.source_run,
        "run": finding.run,
        "validity": finding.validity.describe(),
    }
