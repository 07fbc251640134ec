"""Stage: write what was released as a bundle, to a folder or to object storage."""

from pathlib import Path

from prefect import task

from infra.butler.bundling import BundleRequest, describe_bundle
from infra.butler.repository import open_butler
from infra.instruments import camera
from infra.progress import say
from infra.storage import ChecksumCache, Publication, bundle_name, publish
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.recording import recorded
from tasks.campaigns.rounds import ReleaseRound
from tasks.campaigns.store import load_campaign
from tasks.gate.decide import approvals

__all__ = ["export_round", "export_stage"]


@task(name="export", task_run_name="export {cert_rerun}")
def export_stage(
    repository: Path, profile: Path | None, campaign: str, cert_rerun: str, keys: tuple[str, ...]
) -> str:
    """Export a round; returns the address of the bundle."""
    with open_workspace(repository, profile) as workspace:
        record = load_campaign(workspace, campaign)
        return export_round(workspace, record, ReleaseRound(cert_rerun, keys)).address


def export_round(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound) -> Publication:
    """Publish the bundle of a round; one that is there already with the same content is left as it is.

    Raises
    ------
    ReleaseError
        Another bundle has that name, or the destination refused.
    """
    destination = export_destination(workspace)
    approved = approvals(workspace, campaign)
    digests = [one.digest for one in approved if one.key in current.keys]
    request = BundleRequest(
        name=bundle_name(current.cert_rerun),
        instrument=campaign.name.instrument,
        ticket_chain=campaign.name.ticket_chain,
        campaign=str(campaign.name),
        decision_digest=",".join(digests),
        serials={one.id: one.serial for one in camera(campaign.name.instrument).detectors if one.serial},
        attachments=_attachments(workspace, campaign),
    )
    with (
        open_butler(workspace.repository) as butler,
        ChecksumCache.open(workspace.home / "checksums.sqlite3") as checksums,
    ):
        bundle = describe_bundle(butler, request, checksums)
        publication = publish(bundle, destination, checksums=checksums)
    for key in current.keys:
        with recorded(
            workspace.ledger,
            "export",
            who=campaign.producer,
            campaign=str(campaign.name),
            calibration=key,
            parameters={"bundle": publication.address},
            command=f'butler export-calibs "$REPO" "$EXPORTS/{request.name}" {request.ticket_chain} --transfer copy',
        ) as result:
            result.digest = publication.manifest_digest
    say(f"exported to {publication.address}: {publication.written} files written, {publication.kept} kept")
    return publication


def export_destination(workspace: Workspace) -> str:
    """Return where bundles go: as the profile says, else into the repository's own folder."""
    return workspace.profile.export.destination or str(workspace.home / "bundles")


def _attachments(workspace: Workspace, campaign: CampaignRecord) -> dict[str, Path]:
    """The report goes along, so that a site can see what its calibrations were approved by."""
    report = workspace.campaign_directory(campaign.name.rerun) / "report.html"
    return {"report.html": report} if report.is_file() else {}
