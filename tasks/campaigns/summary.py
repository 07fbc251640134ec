"""A campaign as JSON values: what machines read of it."""

from typing import Any

from infra.butler.images import calibration_image, image_digest
from infra.butler.repository import open_butler
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.packet import verdict_of
from tasks.campaigns.rounds import rounds

__all__ = ["campaign_summary"]


def campaign_summary(workspace: Workspace, campaign: CampaignRecord) -> dict[str, Any]:
    """Return states, collections, dataset UUIDs, digests, and the verdict with every failed test."""
    statuses = workspace.ledger.statuses(str(campaign.name))
    released = rounds(workspace, campaign)
    calibrations = []
    with open_butler(workspace.repository) as butler:
        for planned in campaign.calibrations:
            key = str(planned.key)
            run = campaign.generation_run(planned.key)
            verdict = verdict_of(workspace, campaign, key)
            refs = butler.query_datasets(
                planned.key.calibration, collections=[run], find_first=False, explain=False
            )
            calibrations.append(
                {
                    "calibration": key,
                    "state": str(statuses.get(key, "unknown")),
                    "run": run,
                    "verification_run": campaign.verification_run(planned.key),
                    "certified": [
                        campaign.name.certified(planned.key, one.cert_rerun)
                        for one in released
                        if key in one.keys
                    ],
                    "datasets": [
                        {
                            "detector": int(ref.dataId["detector"]),
                            "physical_filter": planned.key.physical_filter,
                            "uuid": str(ref.id),
                            "image_digest": image_digest(calibration_image(butler.get(ref))),
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
