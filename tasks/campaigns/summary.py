"""A campaign as JSON values: what machines read of it."""

from typing import Any

from lsst.daf.butler import Butler, DatasetRef

from infra.butler.contents import content_digest
from infra.butler.repository import datasets_of_run, open_butler
from infra.errors import RepositoryError
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.packet import verdict_of

__all__ = ["campaign_summary"]


def campaign_summary(workspace: Workspace, campaign: CampaignRecord) -> dict[str, Any]:
    """Return states, collections, dataset UUIDs, digests, and the verdict with every failed test."""
    statuses = workspace.ledger.statuses(str(campaign.name))
    calibrations = []
    with open_butler(workspace.repository) as butler:
        for planned in campaign.calibrations:
            key = str(planned.key)
            run = campaign.generation_run(planned.key)
            verdict = verdict_of(workspace, campaign, key)
            refs = datasets_of_run(butler, planned.key.calibration, run)
            calibrations.append(
                {
                    "calibration": key,
                    "state": str(statuses.get(key, "unknown")),
                    "run": run,
                    "verification_run": campaign.verification_run(planned.key),
                    "certified": _certified(workspace, campaign, key),
                    "datasets": [
                        {
                            "detector": int(ref.dataId["detector"]),
                            "physical_filter": planned.key.physical_filter,
                            "uuid": str(ref.id),
                            **_content(butler, ref),
                        }
                        for ref in refs
                    ],
                    "verdict": None if verdict is None else verdict.outcome.value,
                    "failures": [] if verdict is None else [one.plain() for one in verdict.failures],
                    "warnings": [] if verdict is None else [one.plain() for one in verdict.warnings],
                    "waived": [] if verdict is None else [one.plain() for one in verdict.waived],
                    "could_not_run": []
                    if verdict is None
                    else [one.plain() for one in verdict.could_not_run],
                    "generation": list(planned.generation),
                    "verification": list(planned.verification),
                }
            )
    return {
        "campaign": str(campaign.name),
        "instrument": campaign.name.instrument,
        "day_obs": campaign.day_obs,
        "producer": campaign.producer,
        "plan_digest": campaign.plan_digest,
        "calibrations": calibrations,
    }


def _content(butler: Butler, ref: DatasetRef) -> dict[str, str | None]:
    """Return the digest of what a dataset says, or what is wrong with its file."""
    try:
        return {"digest": content_digest(butler, ref), "problem": None}
    except RepositoryError as error:
        return {"digest": None, "problem": str(error)}


def _certified(workspace: Workspace, campaign: CampaignRecord, key: str) -> list[str]:
    """Return the collections a calibration has been certified into."""
    entries = workspace.ledger.entries(campaign=str(campaign.name), step="certify", calibration=key)
    return list(
        dict.fromkeys(str(entry.parameters["collection"]) for entry in entries if entry.status == "done")
    )
