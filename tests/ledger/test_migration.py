"""A database comes to the present form from nothing, once, and never from the future."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import infra.ledger
from infra.errors import LedgerError
from infra.ledger import Ledger, Step
from infra.ledger.migration import SCHEMA_REVISION
from infra.ledger.tables import Base
from tests.ledger.conftest import behind_the_back


def test_the_migrations_make_the_tables_that_the_code_describes(ledger: Ledger, address: str) -> None:
    with behind_the_back(address) as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_code_knows_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(infra.ledger.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_opening_again_keeps_what_is_there(address: str) -> None:
    for _ in range(2):
        with Ledger.open(address) as ledger:
            ledger.record(Step(step="detect", status="done", who="ann"))
    with Ledger.open(address) as ledger:
        assert len(ledger.entries()) == 2
        assert ledger.verify() == []


def test_a_ledger_of_a_later_version_is_left_alone(address: str) -> None:
    Ledger.open(address).close()
    with behind_the_back(address) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"has form 9999.*use the version that made it"):
        Ledger.open(address)


def test_a_migration_that_stops_half_way_leaves_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.ledger import migration

    def upgrade_and_stop(*arguments: object) -> None:
        upgrade(*arguments)
        raise KeyboardInterrupt

    upgrade = migration._upgrade
    monkeypatch.setattr(migration, "_upgrade", upgrade_and_stop)
    with pytest.raises(KeyboardInterrupt):
        Ledger.open(address)
    monkeypatch.undo()
    with Ledger.open(address) as ledger:
        ledger.record(Step(step="detect", status="done", who="ann"))


def test_sqlite_keeps_a_write_ahead_log_and_survives_a_loss_of_power(tmp_path: Path) -> None:
    with (
        Ledger.open(str(tmp_path / "plain path.sqlite3")) as ledger,
        ledger._database.reading() as connection,
    ):
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize("address", ["mysql://host/x", "sqlite://", "sqlite:///:memory:", "no such://form"])
def test_an_address_that_is_no_database_is_refused_with_the_forms(address: str) -> None:
    with pytest.raises(LedgerError, match="write sqlite:///PATH or postgresql://USER@HOST/NAME"):
        Ledger.open(address)


def test_an_unreachable_server_is_told_without_the_password() -> None:
    with pytest.raises(LedgerError, match="refused") as caught:
        Ledger.open("postgresql://ann:hunter2@localhost:1/ledger?connect_timeout=2")
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_text("this is a letter, not a database\n" * 100)
    with pytest.raises(LedgerError, match="file is not a database"):
        Ledger.open(f"sqlite:///{path}")
    assert path.read_text().startswith("this is a letter")
