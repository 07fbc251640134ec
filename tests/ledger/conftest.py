"""One ledger suite, run against SQLite and against a real PostgreSQL server."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from infra.ledger import Campaign, Ledger, Step
from tests.ledger.postgresql_server import find_programs, running_server

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine: 'make test-packages' installs it")
    with running_server(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database that does not hold a ledger yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/calprod/ledger.sqlite3"
    url = request.getfixturevalue("postgresql")
    name = f"ledger_{next(_NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    with Ledger.open(address) as opened:
        yield opened


@pytest.fixture
def campaign(ledger: Ledger) -> Campaign:
    return ledger.open_campaign("LATISS", "DM-43525", "lowerSetTemp", 20240326, "ann")


@contextmanager
def behind_the_back(address: str, *, without_triggers: bool = False) -> Iterator[Connection]:
    """Open the database as somebody who does not care for the ledger's rules."""
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        if without_triggers and connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER entries_refuse_update")
            connection.exec_driver_sql("DROP TRIGGER entries_refuse_delete")
        elif without_triggers:
            connection.exec_driver_sql("ALTER TABLE entries DISABLE TRIGGER USER")
        yield connection


def walk(ledger: Ledger, campaign: Campaign, calibration: str, *path: str, digest: str = "d" * 64) -> None:
    """Record steps given as ``step status`` or ``step status outcome``."""
    for words in path:
        step, status, *outcome = words.split()
        ledger.record(
            Step(
                step=step,
                status=status,
                who="ann",
                campaign=campaign.name,
                calibration=calibration,
                outcome=outcome[0] if outcome else None,
                digest=digest if step == "approve" else None,
            )
        )


TO_GATE = ("select done", "generate started", "generate done", "verify done verified", "approve started")
