"""Stage: bring every site to what was released."""

from pathlib import Path

from prefect import task

from infra.butler.delivery import DeliveryReport, DeliverySettings, deliver
from infra.butler.repository import open_butler
from infra.errors import UsageError
from infra.instruments import camera
from infra.naming import default_chain
from infra.progress import say
from infra.settings import RemoteSettings
from infra.storage import ChecksumCache, Permissions, open_bundle
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.recording import recorded
from tasks.campaigns.rounds import ReleaseRound, released_rounds, rerun_order
from tasks.campaigns.store import load_campaign
from tasks.export import export_round

__all__ = ["remote_settings", "site_permissions", "sync_round", "sync_site", "sync_stage"]


@task(name="sync", task_run_name="sync {site} {cert_rerun}")
def sync_stage(
    repository: Path,
    profile: Path | None,
    campaign: str,
    cert_rerun: str,
    keys: tuple[str, ...],
    bundle: str,
    site: str,
) -> None:
    """Deliver a round's bundle to one site."""
    with open_workspace(repository, profile) as workspace:
        record = load_campaign(workspace, campaign)
        sync_round(workspace, record, ReleaseRound(cert_rerun, keys), bundle, site)


def sync_round(
    workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound, bundle: str, site: str
) -> DeliveryReport:
    """Make a site hold what a bundle holds, certify it there and chain it there; repeating it does nothing.

    Raises
    ------
    ReleaseError
        The site refused, or holds something else under the same name.
    """
    remote = remote_settings(workspace, site)
    # A later round of the ticket may have been exported, and delivered, while this one lay unfinished.
    bundle = _newest_bundle(workspace, campaign) or bundle
    top = default_chain(campaign.name.instrument)
    settings = DeliverySettings(
        default_chain=top,
        permissions=site_permissions(remote),
        may_create_instrument=True,
        serials={one.id: one.serial for one in camera(campaign.name.instrument).detectors if one.serial},
    )
    with (
        open_butler(Path(remote.address), writeable=True) as butler,
        ChecksumCache.open(workspace.home / "checksums.sqlite3") as checksums,
    ):
        report = deliver(open_bundle(bundle), butler, settings, checksums=checksums)
    _note(workspace, campaign, current.keys, site, bundle, report)
    say(
        f"{site}: {report.ingested} ingested, {report.restored} restored, {report.certified} certified,"
        f" {report.modes_fixed} permissions set"
    )
    return report


def sync_site(workspace: Workspace, site: str) -> tuple[DeliveryReport, ...]:
    """Make a site hold all that was released, and restore what it lost; one report for each ticket.

    Raises
    ------
    ReleaseError
        The site refused, or holds something else under the same name.
    """
    remote_settings(workspace, site)
    tickets: dict[str, list[tuple[CampaignRecord, ReleaseRound]]] = {}
    for opened in workspace.ledger.campaigns(workspace.instrument):
        campaign = CampaignRecord.from_ledger(opened)
        found = [(campaign, one) for one in released_rounds(workspace, campaign)]
        tickets.setdefault(campaign.name.ticket_chain, []).extend(found)
    reports = []
    for released in filter(None, tickets.values()):
        # The bundle of a round holds the whole ticket as it was then: the last one holds everything.
        *earlier, (campaign, current) = sorted(released, key=lambda pair: rerun_order(pair[1].cert_rerun))
        bundle = export_round(workspace, campaign, current).address
        report = sync_round(workspace, campaign, current, bundle, site)
        for other, one in earlier:
            _note(workspace, other, one.keys, site, report.bundle, report)
        reports.append(report)
    return tuple(reports)


def _newest_bundle(workspace: Workspace, campaign: CampaignRecord) -> str | None:
    """Return the address of the bundle that was last exported of a campaign's ticket."""
    ticket = f"{campaign.name.instrument}/{campaign.name.ticket}/"
    for entry in reversed(workspace.ledger.entries(step="export")):
        if entry.status == "done" and str(entry.campaign).startswith(ticket):
            return str(entry.parameters["bundle"])
    return None


def _note(
    workspace: Workspace,
    campaign: CampaignRecord,
    keys: tuple[str, ...],
    site: str,
    bundle: str,
    report: DeliveryReport,
) -> None:
    """Write down that calibrations are at a site."""
    top = default_chain(campaign.name.instrument)
    for key in keys:
        with recorded(
            workspace.ledger,
            "sync",
            who=campaign.producer,
            campaign=str(campaign.name),
            calibration=key,
            parameters={"site": site, "bundle": bundle},
            command=(
                f'butler import "$SITE" "$EXPORTS/{Path(bundle).name}" --transfer copy'
                " --skip-dimensions instrument,detector,physical_filter\n"
                f'butler collection-chain "$SITE" {top} {campaign.name.ticket_chain} --mode prepend'
            ),
        ) as result:
            result.digest = report.manifest_digest
            result.parameters = {
                "ingested": report.ingested,
                "restored": report.restored,
                "certified": report.certified,
                "default_chain": {"before": report.default_chain.before, "after": report.default_chain.after},
            }


def remote_settings(workspace: Workspace, site: str) -> RemoteSettings:
    """Return a site's settings; UsageError when the profile does not know it."""
    remote = workspace.profile.remote(site)
    if remote is None:
        known = ", ".join(one.name for one in workspace.profile.remotes) or "none"
        raise UsageError(f"the profile knows no site '{site}'", f"its remotes are: {known}")
    return remote


def site_permissions(remote: RemoteSettings) -> Permissions:
    """Return the permissions a site's profile asks for."""
    return Permissions.parse(remote.file_mode, remote.directory_mode, remote.group)
