"""Whoever changes the record behind the ledger's back is found out."""

import pytest
from sqlalchemy import text

from infra.errors import LedgerError
from infra.ledger import Ledger, Step
from infra.ledger.chain import GENESIS, entry_hash
from tests.ledger.conftest import behind_the_back


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    for number in range(6):
        ledger.record(Step(step="detect", status="done", who="ann", parameters={"number": number}))
    return ledger


def kinds(ledger: Ledger) -> list[tuple[int, str]]:
    return [(link.sequence, link.kind) for link in ledger.verify()]


def test_an_untouched_record_is_whole(filled: Ledger) -> None:
    assert filled.verify() == []
    entries = filled.entries()
    assert [entry.previous_hash for entry in entries] == [GENESIS, *(entry.hash for entry in entries[:-1])]
    assert filled.verify([filled.head()]) == []


def test_an_empty_record_is_whole(ledger: Ledger) -> None:
    assert ledger.verify() == []
    assert ledger.head().sequence == 0


@pytest.mark.parametrize(
    "column",
    [
        "who",
        "step",
        "status",
        "when_utc",
        "when_tai",
        "parameters",
        "versions",
        "inputs",
        "outcome",
        "digest",
    ],
)
def test_an_altered_entry_is_found(filled: Ledger, address: str, column: str) -> None:
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text(f"UPDATE entries SET {column} = 'eve' WHERE sequence = 3"))
    assert kinds(filled) == [(3, "altered")]


def test_an_entry_altered_together_with_its_hash_is_found_by_the_next(filled: Ledger, address: str) -> None:
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text("UPDATE entries SET who = 'eve' WHERE sequence = 3"))
        row = connection.execute(text("SELECT * FROM entries WHERE sequence = 3")).mappings().one()
        connection.execute(
            text("UPDATE entries SET hash = :hash WHERE sequence = 3"), {"hash": entry_hash(row)}
        )
    assert kinds(filled) == [(4, "relinked")]


@pytest.mark.parametrize(("gone", "found"), [("3", (4, "missing")), ("1", (2, "missing")), ("6", (5, "cut"))])
def test_a_removed_entry_is_found(filled: Ledger, address: str, gone: str, found: tuple[int, str]) -> None:
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text(f"DELETE FROM entries WHERE sequence = {gone}"))
    assert kinds(filled) == [found]


def test_a_removed_and_renumbered_entry_is_found(filled: Ledger, address: str) -> None:
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text("DELETE FROM entries WHERE sequence = 3"))
        for number in (4, 5, 6):
            connection.execute(text(f"UPDATE entries SET sequence = {number - 1} WHERE sequence = {number}"))
    assert (3, "altered") in kinds(filled)
    assert (3, "relinked") in kinds(filled)


def test_reordered_entries_are_found(filled: Ledger, address: str) -> None:
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text("UPDATE entries SET sequence = 99 WHERE sequence = 3"))
        connection.execute(text("UPDATE entries SET sequence = 3 WHERE sequence = 4"))
        connection.execute(text("UPDATE entries SET sequence = 4 WHERE sequence = 99"))
    found = kinds(filled)
    assert {(3, "altered"), (4, "altered"), (3, "relinked"), (4, "relinked")} <= set(found)


def test_a_past_rewritten_with_all_its_hashes_is_found_by_a_head_kept_elsewhere(
    filled: Ledger, address: str
) -> None:
    kept = filled.head()
    with behind_the_back(address, without_triggers=True) as connection:
        before = filled.entries()[1].hash
        for number in range(3, 7):
            connection.execute(
                text("UPDATE entries SET who = 'eve', previous_hash = :before WHERE sequence = :number"),
                {"before": before, "number": number},
            )
            query = text("SELECT * FROM entries WHERE sequence = :number")
            before = entry_hash(connection.execute(query, {"number": number}).mappings().one())
            connection.execute(
                text("UPDATE entries SET hash = :hash WHERE sequence = :number"),
                {"hash": before, "number": number},
            )
        connection.execute(text("UPDATE chain_head SET hash = :hash"), {"hash": before})
    assert filled.verify() == []
    assert [(link.sequence, link.kind) for link in filled.verify([kept])] == [(6, "rewritten")]


def test_a_record_cut_back_with_its_head_is_found_by_a_head_kept_elsewhere(
    filled: Ledger, address: str
) -> None:
    kept = filled.head()
    with behind_the_back(address, without_triggers=True) as connection:
        connection.execute(text("DELETE FROM entries WHERE sequence > 4"))
        connection.execute(
            text("UPDATE chain_head SET sequence = 4, hash = (SELECT hash FROM entries WHERE sequence = 4)")
        )
    assert filled.verify() == []
    assert [(link.sequence, link.kind) for link in filled.verify([kept])] == [(6, "cut")]


def test_a_lost_head_stops_the_writer(filled: Ledger, address: str) -> None:
    with behind_the_back(address) as connection:
        connection.execute(text("DELETE FROM chain_head"))
    with pytest.raises(LedgerError, match="last link is gone"):
        filled.record(Step(step="detect", status="done", who="ann"))
