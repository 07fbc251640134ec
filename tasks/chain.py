"""Stage: let users find what was certified, through the ticket's chain and the instrument's default chain."""

from pathlib import Path

from lsst.daf.butler import Butler
from prefect import task

from infra.butler.chains import ChainEdit, children, prepend, set_ticket_chain
from infra.butler.repository import open_butler
from infra.naming import default_chain
from infra.progress import say
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.model import CampaignRecord
from tasks.campaigns.recording import recorded
from tasks.campaigns.rounds import ReleaseRound
from tasks.campaigns.store import load_campaign

__all__ = ["chain_round", "chain_stage"]


@task(name="chain", task_run_name="chain {cert_rerun}")
def chain_stage(
    repository: Path, profile: Path | None, campaign: str, cert_rerun: str, keys: tuple[str, ...]
) -> None:
    """Chain the certified collections of a round."""
    with open_workspace(repository, profile) as workspace:
        chain_round(workspace, load_campaign(workspace, campaign), ReleaseRound(cert_rerun, keys))


def chain_round(
    workspace: Workspace, campaign: CampaignRecord, current: ReleaseRound
) -> tuple[ChainEdit, ChainEdit]:
    """Put the round's collections first in the ticket's chain, and that first in the default chain.

    Raises
    ------
    ReleaseError
        Somebody else edited a chain in between.
    """
    name = campaign.name
    top = default_chain(name.instrument)
    new = [name.certified(campaign.calibration(key).key, current.cert_rerun) for key in current.keys]
    with open_butler(workspace.repository, writeable=True) as butler:
        ticket = _chain_ticket(butler, name.ticket_chain, new)
        default = prepend(butler, top, name.ticket_chain)
    for key, collection in zip(current.keys, new, strict=True):
        with recorded(
            workspace.ledger,
            "chain",
            who=campaign.producer,
            campaign=str(name),
            calibration=key,
            parameters={
                "collection": collection,
                "ticket_chain": {"before": ticket.before, "after": ticket.after},
                "default_chain": {"before": default.before, "after": default.after},
            },
            command=(
                f'butler collection-chain "$REPO" {name.ticket_chain} {",".join(new)} --mode prepend\n'
                f'butler collection-chain "$REPO" {top} {name.ticket_chain} --mode prepend'
            ),
        ):
            pass
    say(default.listing())
    return ticket, default


def _chain_ticket(butler: Butler, chain: str, new: list[str]) -> ChainEdit:
    """Put collections that the chain does not hold yet in front of those it holds."""
    present = children(butler, chain) or ()
    return set_ticket_chain(
        butler,
        chain,
        (*(name for name in new if name not in present), *present),
        seen=children(butler, chain),
    )
