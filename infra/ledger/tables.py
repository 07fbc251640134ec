"""Tables of the ledger's database, in today's form; the migrations say how an older one gets there."""

from sqlalchemy import BigInteger, CheckConstraint, Double, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["Base", "ChainHeadRow", "EntryRow", "MetricRow", "ObservationRow", "RefusalRow"]

_ID = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Holds the description of all tables."""


class EntryRow(Base):
    """One step; never updated or deleted, which triggers of the database enforce.

    JSON stands as text, so that the bytes that were hashed are the bytes that are kept.
    """

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_campaign", "campaign", "calibration", "sequence"),
        Index("ix_entries_step", "step", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(_ID, primary_key=True, autoincrement=False)
    campaign: Mapped[str | None] = mapped_column(Text)
    calibration: Mapped[str | None] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(Text)
    when_utc: Mapped[str] = mapped_column(String(32))
    when_tai: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[str] = mapped_column(Text)
    command: Mapped[str | None] = mapped_column(Text)
    versions: Mapped[str] = mapped_column(Text)
    inputs: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str | None] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class ChainHeadRow(Base):
    """The last link of the chain: one row, which writers lock, and by which a cut-off end is noticed."""

    __tablename__ = "chain_head"
    __table_args__ = (CheckConstraint("id = 1", name="ck_chain_head_single"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(_ID)
    hash: Mapped[str] = mapped_column(String(64))


class ObservationRow(Base):
    """What a raw said and showed; measured anew, the new values take the place of the old."""

    __tablename__ = "observations"
    __table_args__ = (
        Index("ix_observations_day", "instrument", "day_obs"),
        Index("ix_observations_path", "path_key"),
        {"sqlite_with_rowid": False},
    )

    instrument: Mapped[str] = mapped_column(Text, primary_key=True)
    exposure: Mapped[int] = mapped_column(_ID, primary_key=True, autoincrement=False)
    detector: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    day_obs: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(Text)
    path_key: Mapped[str] = mapped_column(String(64))
    header_values: Mapped[str] = mapped_column(Text)
    statistics: Mapped[str] = mapped_column(Text)


class MetricRow(Base):
    """One measured number; an absent exposure or detector is −1, an absent word empty, as NULL is no key."""

    __tablename__ = "metrics"
    __table_args__ = (
        Index("ix_metrics_trend", "metric", "observed"),
        {"sqlite_with_rowid": False},
    )

    campaign: Mapped[str] = mapped_column(Text, primary_key=True)
    calibration: Mapped[str] = mapped_column(Text, primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)
    exposure: Mapped[int] = mapped_column(_ID, primary_key=True, autoincrement=False)
    detector: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    amplifier: Mapped[str] = mapped_column(Text, primary_key=True)
    exposure_group: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[float | None] = mapped_column(Double)
    unit: Mapped[str] = mapped_column(Text)
    observed: Mapped[str | None] = mapped_column(String(40))


class RefusalRow(Base):
    """A file that was not ingested; the same file refused for the same reason is one row."""

    __tablename__ = "refusals"
    __table_args__ = (Index("ix_refusals_day", "day_obs"),)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    path_key: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    exposure: Mapped[int | None] = mapped_column(_ID)
    day_obs: Mapped[int | None] = mapped_column(Integer)
    when_utc: Mapped[str] = mapped_column(String(32))
