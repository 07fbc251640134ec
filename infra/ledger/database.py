"""Connections to the ledger's database: SQLite for one machine, PostgreSQL for a service."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from infra.errors import LedgerError

__all__ = ["Database"]

_WAIT_SECONDS = 60
_WRITING = "calprod_writing"
_TURN = 0x63616C70_77726974
"""Key of PostgreSQL's advisory lock that a writing transaction holds; "calpwrit" in ASCII."""
_FORMS = "write sqlite:///PATH or postgresql://USER@HOST/NAME"
_REMEDY = "check that it can be reached, is writable and has room"


class Database:
    """Opens transactions on one database and puts its refusals into words.

    Parameters
    ----------
    address
        ``sqlite:///path``, ``postgresql://user@host/name``, or a plain path of a SQLite file.
    """

    def __init__(self, address: str) -> None:
        self._url = _parsed(address)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
            # A connection costs well under a millisecond; without a pool no connection crosses a fork.
            self._engine = create_engine(
                self._url, poolclass=NullPool, connect_args={"timeout": _WAIT_SECONDS}
            )
            _prepare_sqlite(self._engine)
        else:
            self._engine = create_engine(self._url, pool_size=2, pool_pre_ping=True)

    @property
    def shown(self) -> str:
        """The address without its password."""
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def prepare(self) -> None:
        """Turn on SQLite's write-ahead log, which stays on in the file; PostgreSQL has its own.

        Where the file system cannot (a network one), the database stays in its older, slower mode.
        """
        if not self.is_sqlite:
            return
        try:
            connection = self._engine.raw_connection()  # outside any transaction
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            # Another process is turning it on: SQLite does not wait for this lock, nor need we.
            if "locked" not in str(error):
                raise LedgerError(f"the ledger {self.shown} cannot be made: {error}", _REMEDY) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the database."""
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            self._refuse(error)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that may write; commits at the end, rolls back on an error.

        It waits for its turn at once. On SQLite (``BEGIN IMMEDIATE``) a transaction that reads first and
        wants to write later would be refused if another had written in between; on PostgreSQL (an advisory
        lock) two would decide on the same past, and both open the same campaign.
        """
        engine = self._engine.execution_options(**{_WRITING: True})
        try:
            with engine.connect() as connection, connection.begin():
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})
                yield connection
        except DBAPIError as error:
            self._refuse(error)

    def _refuse(self, error: DBAPIError) -> NoReturn:
        said = str(error.orig).strip().splitlines()
        raise LedgerError(
            f"the ledger {self.shown} refused: {said[0] if said else type(error.orig).__name__}",
            _REMEDY,
        ) from error


def _parsed(address: str) -> URL:
    try:
        url = make_url(address if "://" in address else f"sqlite:///{address}")
        if url.get_backend_name() == "postgresql":
            return url.set(drivername="postgresql+psycopg")
        if url.drivername == "sqlite" and url.database and url.database != ":memory:":
            return url
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise LedgerError("the ledger's address is not one of a database", _FORMS) from error
    raise LedgerError(f"the ledger cannot live in {url.render_as_string(hide_password=True)}", _FORMS)


def _prepare_sqlite(engine: Engine) -> None:
    """Let several processes read while one writes, and let a commit survive a loss of power."""

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_WAIT_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
