"""Stage: write what was released as a bundle, to a folder or to object storage."""

from collections.abc import Sequence
from pathlib import Path

from prefect import task

from infra.butler.bundling import BundleRequest, describe_bundle
from infra.butler.repository import open_butler
from infra.errors import CalprodError
from infra.files import write_atomically
from infra.instruments import camera
from infra.ledger import Entry
from infra.progress import say
from infra.storage import ChecksumCache, Publication, bundle_name, open_bundle, publish
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.recording import recorded
from tasks.campaigns.rounds import ReleaseRound
from tasks.campaigns.store import load_campaign
from tasks.gate.approvals import approvals

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
    if (known := _published(workspace, campaign, current)) is not None:
        return known
    digests = [one.digest for one in approvals(workspace, campaign, current.keys)]
    request = BundleRequest(
        name=bundle_name(current.cert_rerun),
        instrument=campaign.name.instrument,
        ticket_chain=campaign.name.ticket_chain,
        campaign=str(campaign.name),
        decision_digest=",".join(digests),
        serials={one.id: one.serial for one in camera(campaign.name.instrument).detectors if one.serial},
        attachments=_attachments(workspace, campaign, current),
    )
    with (
        open_butler(workspace.repository) as butler,
        ChecksumCache.open(workspace.home / "checksums.sqlite3") as checksums,
    ):
        bundle = describe_bundle(butler, request, checksums)
        publication = publish(bundle, export_destination(workspace), checksums=checksums)
    for key in current.keys:
        with recorded(
            workspace.ledger,
            "export",
            who=campaign.producer,
            campaign=str(campaign.name),
            calibration=key,
            parameters={"bundle": publication.address, "cert_rerun": current.cert_rerun},
            command=(
                f'butler export-calibs "$REPO" "$EXPORTS/{request.name}" {request.ticket_chain}'
                " --transfer copy"
            ),
        ) as result:
            result.digest = publication.manifest_digest
    say(f"exported to {publication.address}: {publication.written} files written, {publication.kept} kept")
    return publication


def export_destination(workspace: Workspace) -> str:
    """Return where bundles go: as the profile says, else into the repository's own folder."""
    return workspace.profile.export.destination or str(workspace.home / "bundles")


def _published(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound) -> Publication | None:
    """Return the bundle that a round was exported to before, if it is still there and whole.

    The ticket's chain may have grown since, so that the same round would make another bundle today.
    """
    entries = workspace.ledger.entries(campaign=str(campaign.name), step="export")
    for entry in reversed(entries):
        if entry.status != "done" or entry.parameters.get("cert_rerun") != current.cert_rerun:
            continue
        address = str(entry.parameters["bundle"])
        try:
            manifest = open_bundle(address).manifest
        except CalprodError:
            return None
        if manifest.digest() == entry.digest and _all_noted(entries, current):
            return Publication(
                address, manifest.digest(), written=0, kept=len(list(manifest.files())), bytes_written=0
            )
    return None


def _all_noted(entries: Sequence[Entry], current: ReleaseRound) -> bool:
    """Tell whether the ledger says of every calibration of a round that it was exported."""
    noted = {
        entry.calibration
        for entry in entries
        if entry.status == "done" and entry.parameters.get("cert_rerun") == current.cert_rerun
    }
    return noted >= set(current.keys)


def _attachments(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound) -> dict[str, Path]:
    """Attach the report as it was at the release: a later one must not make another bundle."""
    directory = workspace.campaign_directory(campaign.name.rerun)
    report, released = directory / "report.html", directory / f"report.{current.cert_rerun}.html"
    if not released.is_file() and report.is_file():
        write_atomically(released, report.read_bytes())
    return {"report.html": released} if released.is_file() else {}
