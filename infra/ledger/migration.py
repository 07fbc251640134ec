"""Bringing a database to the present form, safely when several processes open it at once."""

from importlib import resources

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from infra.errors import LedgerError
from infra.ledger.database import Database

__all__ = ["SCHEMA_REVISION", "migrate"]

SCHEMA_REVISION = "0001"
"""Revision this code is written for: the last under ``migrations/versions``."""

_LOCK = 0x63616C70726F64  # "calprod", the key of PostgreSQL's advisory lock


def migrate(database: Database) -> None:
    """Bring a database to the present form; nothing happens if it has it.

    Raises
    ------
    LedgerError
        If the database was made by a later version of calprod, or is not a ledger.
    """
    if _has_present_form(database):
        return
    database.prepare()
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)
        if found == SCHEMA_REVISION:
            return  # another process was faster
        _upgrade(connection, found, database.shown)


def _has_present_form(database: Database) -> bool:
    try:
        with database.reading() as connection:
            found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except LedgerError as error:
        if isinstance(error.__cause__, DBAPIError) and _lacks_table(error.__cause__):
            return False
        raise
    return bool(found == SCHEMA_REVISION)


def _lacks_table(error: DBAPIError) -> bool:
    said = str(error.orig)
    return "no such table" in said or "does not exist" in said


def _revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def _upgrade(connection: Connection, found: str | None, shown: str) -> None:
    # Only a ledger that is not in its present form pays for loading Alembic.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    with resources.as_file(resources.files("infra.ledger") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            if found is not None:
                ScriptDirectory.from_config(config).get_revision(found)
            command.upgrade(config, "head")
        except CommandError as error:
            raise LedgerError(
                f"the ledger {shown} has form {found}, which this version of calprod does not know",
                "use the version that made it, or a later one",
            ) from error
