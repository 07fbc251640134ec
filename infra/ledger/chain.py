"""The chain of entries: each holds the hash of the one before, so that no row can change unnoticed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection, RowMapping, Table, insert, select, update

from infra.errors import LedgerError
from infra.files import digest_of
from infra.ledger.tables import ChainHeadRow, EntryRow

__all__ = ["GENESIS", "BrokenLink", "ChainHead", "append", "broken_links", "head"]

GENESIS = "0" * 64
"""What the first entry holds in the place of a hash before it."""

_ENTRIES = cast(Table, EntryRow.__table__)
_HEAD = cast(Table, ChainHeadRow.__table__)
_HASHED = tuple(column.name for column in _ENTRIES.columns if column.name != "hash")
_BLOCK = 5000


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry of the chain at some time; kept elsewhere, it proves that the past was not rewritten."""

    sequence: int
    """Number of the last entry; 0 for an empty ledger."""
    hash: str
    """Its hash."""


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """One place where the record is not what was written."""

    sequence: int
    """Number of the entry found wrong, or after which something is missing."""
    kind: Literal["altered", "missing", "relinked", "cut", "rewritten"]
    """``altered``: the content does not fit its hash. ``missing``: numbers are left out. ``relinked``: the
    hash noted for the entry before is not its hash. ``cut``: the end is gone. ``rewritten``: a head kept
    elsewhere does not fit."""
    message: str
    """The finding in words."""


def head(connection: Connection, *, lock: bool = False) -> ChainHead:
    """Return the last link; with ``lock``, other writers wait until the transaction ends."""
    query = select(_HEAD.c.sequence, _HEAD.c.hash)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise LedgerError("the ledger's last link is gone", "restore a copy of the database")
    return ChainHead(row.sequence, row.hash)


def append(connection: Connection, values: dict[str, Any]) -> dict[str, Any]:
    """Add an entry at the end of the chain.

    Parameters
    ----------
    connection
        A transaction that may write.
    values
        Every column but sequence and hashes.

    Returns
    -------
    dict
        All columns of the new row.
    """
    last = head(connection, lock=True)
    row = {**values, "sequence": last.sequence + 1, "previous_hash": last.hash}
    row["hash"] = entry_hash(row)
    connection.execute(insert(_ENTRIES), [row])
    connection.execute(update(_HEAD).values(sequence=row["sequence"], hash=row["hash"]))
    return row


def entry_hash(row: dict[str, Any] | RowMapping) -> str:
    """Return the SHA-256 of the canonical JSON of all columns but the hash itself."""
    return digest_of({name: row[name] for name in _HASHED})


def broken_links(connection: Connection, anchors: tuple[ChainHead, ...] = ()) -> list[BrokenLink]:
    """Walk the whole chain and list every place where it does not hold.

    Parameters
    ----------
    connection
        A transaction.
    anchors
        Heads noted earlier and kept elsewhere. Without them, one who can write to the database and recomputes
        every later hash remains unseen.

    Returns
    -------
    list of BrokenLink
        Empty if the record is whole.
    """
    found: list[BrokenLink] = []
    wanted = {anchor.sequence: anchor.hash for anchor in anchors if anchor.sequence}
    number, before = 0, GENESIS
    for row in _rows(connection):
        sequence = row["sequence"]
        if sequence != number + 1:
            gap = f"{number + 1}" if sequence == number + 2 else f"{number + 1} to {sequence - 1}"
            found.append(BrokenLink(sequence, "missing", f"entry {gap} missing before entry {sequence}"))
        elif row["previous_hash"] != before:
            found.append(BrokenLink(sequence, "relinked", f"entry {sequence} does not follow entry {number}"))
        if entry_hash(row) != row["hash"]:
            found.append(BrokenLink(sequence, "altered", f"entry {sequence} was altered"))
        if wanted.pop(sequence, row["hash"]) != row["hash"]:
            found.append(
                BrokenLink(sequence, "rewritten", f"entry {sequence} is not the one noted elsewhere")
            )
        number, before = sequence, row["hash"]
    last = head(connection)
    if (last.sequence, last.hash) != (number, before):
        found.append(BrokenLink(number, "cut", f"entry {last.sequence} was the last, now it is {number}"))
    found += [BrokenLink(n, "cut", f"entry {n}, noted elsewhere, is gone") for n in sorted(wanted)]
    return found


def _rows(connection: Connection) -> Iterator[RowMapping]:
    """Read the entries in blocks, so that memory does not grow with the record."""
    after = 0
    while True:
        query = (
            select(_ENTRIES).where(_ENTRIES.c.sequence > after).order_by(_ENTRIES.c.sequence).limit(_BLOCK)
        )
        block = connection.execute(query).mappings().all()
        yield from block
        if len(block) < _BLOCK:
            return
        after = block[-1]["sequence"]
