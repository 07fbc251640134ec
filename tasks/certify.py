"""Stage: give approved calibrations their validity range, in collections of the ticket."""

from pathlib import Path

from lsst.daf.butler import Butler
from prefect import task

from infra.butler.certification import ExpectedCoverage, certify
from infra.butler.repository import open_butler
from infra.butler.validity import Validity
from infra.naming import default_chain
from infra.progress import say
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.priors import detectors_of
from tasks.campaigns.recording import recorded
from tasks.campaigns.rounds import ReleaseRound
from tasks.campaigns.store import load_campaign
from tasks.gate.approvals import Approval, approvals

__all__ = ["certify_round", "certify_stage"]


@task(name="certify", task_run_name="certify {cert_rerun}")
def certify_stage(
    repository: Path, profile: Path | None, campaign: str, cert_rerun: str, keys: tuple[str, ...]
) -> None:
    """Certify the calibrations of a round."""
    with open_workspace(repository, profile) as workspace:
        certify_round(workspace, load_campaign(workspace, campaign), ReleaseRound(cert_rerun, keys))


def certify_round(workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound) -> None:
    """Certify every calibration of a round; those certified already are left as they are.

    Raises
    ------
    GateError
        An approval is void.
    ReleaseError
        Another range is in the way, or the set of detectors is not complete.
    """
    approved = {one.key: one for one in approvals(workspace, campaign, current.keys)}
    with open_butler(workspace.repository, writeable=True) as butler:
        for key in current.keys:
            _certify_one(workspace, butler, campaign, current, approved[key])


def _certify_one(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, current: ReleaseRound, approval: Approval
) -> None:
    planned = campaign.calibration(approval.key)
    collection = campaign.name.certified(planned.key, current.cert_rerun)
    run = campaign.generation_run(planned.key)
    with recorded(
        workspace.ledger,
        "certify",
        who=campaign.producer,
        campaign=str(campaign.name),
        calibration=approval.key,
        inputs=tuple(str(ref.id) for ref in approval.candidate.refs),
        parameters={"collection": collection, "validity": approval.validity.describe()},
        command=certify_command(run, collection, planned.key.calibration, approval.validity),
    ) as result:
        filters = (planned.key.physical_filter,) if planned.key.physical_filter else ()
        outcome = certify(
            butler,
            collection,
            approval.candidate.refs,
            approval.validity,
            expected=ExpectedCoverage(
                detectors_of(butler, campaign.name.instrument, planned.generation), filters
            ),
            chain=default_chain(campaign.name.instrument),
        )
        result.digest = approval.digest
        result.parameters = {"certified": len(outcome.certified), "unchanged": len(outcome.unchanged)}
    say(f"{approval.key}: certified into {collection}, {approval.validity.describe()}")


def certify_command(run: str, collection: str, dataset_type: str, validity: Validity) -> str:
    """Return the ``butler`` command that certifies a RUN's datasets."""
    first, _, last = validity.text().partition("..")
    begin = f" --begin-date {first}" if first else ""
    end = f" --end-date {last}" if last else ""
    return f'butler certify-calibrations "$REPO" {run} {collection} {dataset_type}{begin}{end}'
