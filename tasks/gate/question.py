"""The question a reviewer is asked, as Markdown for Prefect's form."""

import html
import re

from infra.butler.validity import Validity
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.gate.decide import open_questions

__all__ = ["question_text"]


def question_text(workspace: Workspace, campaign: CampaignRecord, refused: str | None = None) -> str:
    """Return what is asked: which calibrations wait, what verification said, where the report is.

    Parameters
    ----------
    workspace
        Profile and ledger.
    campaign
        The campaign to decide on.
    refused
        Why the last answer could not be taken.
    """
    lines = [f"# {_plain(str(campaign.name))}", ""]
    if refused is not None:
        lines += [
            f"> **Your answer was not taken:** {_plain(refused)}",
            "> Nothing was recorded. Please answer again.",
            "",
        ]
    lines += [
        f"Made by **{_plain(campaign.producer)}** from the exposures of {campaign.day_obs}.",
        "",
        "| calibration | verification | exposures combined | exposures tested |",
        "| --- | --- | --- | --- |",
    ]
    for key in open_questions(workspace, campaign):
        planned = campaign.calibration(key)
        verdict = _last_outcome(workspace, campaign, key)
        lines.append(f"| {_plain(key)} | {verdict} | {len(planned.generation)} | {len(planned.exposures)} |")
    covered = Validity.from_days(campaign.day_obs, None).describe()
    gate = workspace.profile.gate
    lines += [
        "",
        f"Report: `{_plain(str(workspace.campaign_directory(campaign.name.rerun) / 'report.html'))}`",
        "",
        f"Validity from {campaign.day_obs} on would cover: {_plain(covered)}.",
        f"It takes {gate.quorum} approval(s)"
        + (f" of {_plain(', '.join(gate.reviewers))}." if gate.reviewers else "."),
        "What failed verification can be approved only with a reason under *Accepted failures*.",
    ]
    return "\n".join(lines)


def _last_outcome(workspace: Workspace, campaign: CampaignRecord, key: str) -> str:
    entries = workspace.ledger.entries(campaign=str(campaign.name), step="verify", calibration=key)
    done = [entry for entry in entries if entry.status == "done"]
    return _plain(str(done[-1].outcome)) if done else "not verified"


def _plain(text: str) -> str:
    """Return text that Markdown and HTML show as it stands."""
    return re.sub(r"([\\`*_|\[\]<>#])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
