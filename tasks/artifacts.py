"""What people see of a run in Prefect's pages: tables and text, with a history over runs by key."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.context import get_run_context
from prefect.exceptions import MissingContextError

from tasks.campaigns.model import CampaignRecord

__all__ = ["link_artifact", "parameters_artifact", "selection_artifact", "text_artifact", "verdict_artifact"]


def parameters_artifact(flow: str, instrument: str, parameters: Mapping[str, Any]) -> None:
    """Show the parameters of a run."""
    rows = [{"parameter": name, "value": _text(value)} for name, value in parameters.items()]
    _table(f"{instrument}-{flow}-parameters", rows, f"Parameters of {flow}")


def selection_artifact(campaign: CampaignRecord) -> None:
    """Show every exposure of the day with its role and reason."""
    rows = [
        {
            "exposure": row["exposure"],
            "calibration": row["calibration"],
            "role": row["role"],
            "reason": _text(row["reason"]),
        }
        for row in campaign.plan["exposures"]
    ]
    _table(f"{campaign.name.instrument}-selection", rows, f"Exposures of {campaign.name}")


def verdict_artifact(campaign: CampaignRecord, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show the verdict on every calibration of a campaign."""
    shown = [{name: _text(value) for name, value in row.items()} for row in rows]
    _table(f"{campaign.name.instrument}-verdict", shown, f"Verdict on {campaign.name}")


def link_artifact(key: str, address: str, text: str, description: str) -> None:
    """Show a link, such as the one to the report."""
    if _in_run():
        create_link_artifact(link=address, link_text=text, key=_key(key), description=description)


def text_artifact(key: str, text: str, description: str) -> None:
    """Show plain text, such as the replay script, with its line breaks."""
    if _in_run():
        # Four blanks make a block of code that no text inside can end.
        block = "\n".join(f"    {line}" for line in text.splitlines())
        create_markdown_artifact(markdown=block, key=_key(key), description=description)


def _table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    if _in_run():
        create_table_artifact(table=[dict(row) for row in rows], key=_key(key), description=description)


def _in_run() -> bool:
    """Tell whether there is a run to keep an artifact with; stages are plain functions elsewhere."""
    try:
        get_run_context()
    except MissingContextError:
        return False
    return True


def _key(text: str) -> str:
    """Return a key as Prefect wants it: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _text(value: Any) -> str:
    """Return a value as text that a page shows as it is: headers are not to be trusted."""
    return html.escape("" if value is None else str(value), quote=False)
