"""Make the chained entries, and the tables of observations, metrics and refusals.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make all tables of the first version."""
    _make_entries()
    _make_measurements()
    _protect_entries()


def downgrade() -> None:
    """Refuse: a ledger does not forget."""
    raise NotImplementedError("the ledger is append-only; restore a copy of the database instead")


def _make_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("sequence", _ID, primary_key=True, autoincrement=False),
        sa.Column("campaign", sa.Text, nullable=True),
        sa.Column("calibration", sa.Text, nullable=True),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("when_utc", sa.String(32), nullable=False),
        sa.Column("when_tai", sa.String(32), nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=True),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=True),
        sa.Column("digest", sa.Text, nullable=True),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    op.create_index("ix_entries_campaign", "entries", ["campaign", "calibration", "sequence"])
    op.create_index("ix_entries_step", "entries", ["step", "sequence"])
    op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", _ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_chain_head_single"),
    )
    op.execute(f"INSERT INTO chain_head (id, sequence, hash) VALUES (1, 0, '{'0' * 64}')")


def _make_measurements() -> None:
    op.create_table(
        "observations",
        sa.Column("instrument", sa.Text, primary_key=True),
        sa.Column("exposure", _ID, primary_key=True, autoincrement=False),
        sa.Column("detector", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day_obs", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("path_key", sa.String(64), nullable=False),
        sa.Column("header_values", sa.Text, nullable=False),
        sa.Column("statistics", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_observations_day", "observations", ["instrument", "day_obs"])
    op.create_index("ix_observations_path", "observations", ["path_key"])
    op.create_table(
        "metrics",
        sa.Column("campaign", sa.Text, primary_key=True),
        sa.Column("calibration", sa.Text, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("exposure", _ID, primary_key=True, autoincrement=False),
        sa.Column("detector", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("amplifier", sa.Text, primary_key=True),
        sa.Column("exposure_group", sa.Text, primary_key=True),
        sa.Column("value", sa.Double, nullable=True),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("observed", sa.String(40), nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metrics_trend", "metrics", ["metric", "observed"])
    op.create_table(
        "refusals",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("path_key", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("exposure", _ID, nullable=True),
        sa.Column("day_obs", sa.Integer, nullable=True),
        sa.Column("when_utc", sa.String(32), nullable=False),
    )
    op.create_index("ix_refusals_day", "refusals", ["day_obs"])


def _protect_entries() -> None:
    """Let the database itself refuse to change what was recorded, whatever program asks."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER entries_refuse_{act.lower()} BEFORE {act} ON entries "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION calprod_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_refuse_change BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION calprod_refuse()"
    )
    op.execute(
        "CREATE TRIGGER entries_refuse_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION calprod_refuse()"
    )
