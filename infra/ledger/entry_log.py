"""Recording steps, and reading them back."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, select

from infra.errors import LedgerError
from infra.ledger import chain
from infra.ledger.clock import now, tai_text, utc_text
from infra.ledger.database import Database
from infra.ledger.model import Entry, Step
from infra.ledger.plain import recorded_text
from infra.ledger.states import next_status, statuses
from infra.ledger.tables import EntryRow
from infra.redaction import redact_text

__all__ = ["EntryLog", "read_entries", "record_in"]

_ENTRIES = cast(Table, EntryRow.__table__)


class EntryLog:
    """The append-only part of the ledger.

    Parameters
    ----------
    database
        Where it is kept, already in its present form.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, step: Step) -> Entry:
        """Add a step at the end of the chain.

        Parameters
        ----------
        step
            What happened. Secrets in it are replaced before it is written.

        Returns
        -------
        Entry
            The step as recorded.

        Raises
        ------
        GateError, LedgerError
            If the step leads a calibration to a state it may not have next, or names an unknown campaign.
        """
        return self.record_all([step])[0]

    def record_all(self, steps: Iterable[Step]) -> tuple[Entry, ...]:
        """Add several steps as one: all of them, or none if one is refused."""
        with self._database.writing() as connection:
            return tuple(record_in(connection, step) for step in steps)

    def entries(
        self,
        campaign: str | None = None,
        step: str | None = None,
        calibration: str | None = None,
        *,
        after: int = 0,
    ) -> tuple[Entry, ...]:
        """Return entries in the order they were made, chosen by campaign, step and calibration key.

        Parameters
        ----------
        campaign, step, calibration
            What they must be about; None for anything.
        after
            Number of the last entry not wanted.
        """
        with self._database.reading() as connection:
            return read_entries(
                connection, campaign=campaign, step=step, calibration=calibration, after=after
            )

    def head(self) -> chain.ChainHead:
        """Return the last link; kept elsewhere, such as in a bundle, it lets `verify` prove the past."""
        with self._database.reading() as connection:
            return chain.head(connection)

    def verify(self, anchors: Sequence[chain.ChainHead] = ()) -> list[chain.BrokenLink]:
        """Walk the whole chain; return every altered, missing or reordered entry, or nothing if it is whole.

        Parameters
        ----------
        anchors
            Heads noted earlier and kept elsewhere.
        """
        with self._database.reading() as connection:
            return chain.broken_links(connection, tuple(anchors))


def record_in(connection: Connection, step: Step) -> Entry:
    """Add a step inside a transaction that is already open; see `EntryLog.record`."""
    if not step.who.strip():
        raise LedgerError(f"step '{step.step}' has no author", "say who does it")
    if step.status not in ("started", "done", "failed"):
        raise LedgerError(f"step '{step.step}' has status '{step.status}'", "started, done or failed")
    when = step.when or now()
    values = {
        "campaign": step.campaign,
        "calibration": step.calibration,
        "step": step.step,
        "status": step.status,
        "who": step.who,
        "when_utc": utc_text(when),
        "when_tai": tai_text(when),
        "parameters": recorded_text(step.parameters),
        "command": None if step.command is None else redact_text(step.command),
        "versions": recorded_text(step.versions),
        "inputs": recorded_text(step.inputs),
        "outcome": None if step.outcome is None else redact_text(str(step.outcome)),
        "digest": step.digest,
    }
    chain.head(connection, lock=True)  # what is checked next must still be true when the entry is written
    if step.campaign is not None and step.step != "campaign":
        _check_campaign(connection, step)
    return _entry(chain.append(connection, values))


def read_entries(
    connection: Connection,
    *,
    campaign: str | None = None,
    step: str | None = None,
    calibration: str | None = None,
    after: int = 0,
) -> tuple[Entry, ...]:
    """Return entries inside a transaction that is already open; see `EntryLog.entries`."""
    query = select(_ENTRIES).where(_ENTRIES.c.sequence > after).order_by(_ENTRIES.c.sequence)
    for column, wanted in (("campaign", campaign), ("step", step), ("calibration", calibration)):
        if wanted is not None:
            query = query.where(_ENTRIES.c[column] == wanted)
    return tuple(_entry(row) for row in connection.execute(query).mappings())


def _check_campaign(connection: Connection, step: Step) -> None:
    """Refuse what the state of the calibration does not allow, and campaigns nobody opened."""
    opened = select(_ENTRIES.c.sequence).where(
        _ENTRIES.c.campaign == step.campaign, _ENTRIES.c.step == "campaign"
    )
    if connection.execute(opened.limit(1)).first() is None:
        raise LedgerError(f"there is no campaign '{step.campaign}'", "list them with: calprod status")
    if step.calibration is None:
        return
    past = read_entries(connection, campaign=step.campaign, calibration=step.calibration)
    next_status(statuses(past).get(step.calibration), _preview(step))


def _preview(step: Step) -> Entry:
    """Give the step the form of an entry, for the state machine."""
    when = utc_text(step.when or now())
    return Entry(
        sequence=0,
        campaign=step.campaign,
        calibration=step.calibration,
        step=step.step,
        status=step.status,
        who=step.who,
        when_utc=when,
        when_tai=when,
        parameters=step.parameters,
        command=None,
        versions={},
        inputs=(),
        outcome=None if step.outcome is None else str(step.outcome),
        digest=None,
        previous_hash="",
        hash="",
    )


def _entry(row: RowMapping | dict[str, Any]) -> Entry:
    values = dict(row)
    for name in ("parameters", "versions", "inputs"):
        values[name] = json.loads(values[name])
    values["inputs"] = tuple(values["inputs"])
    return Entry(**values)
