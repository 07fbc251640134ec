"""Numbers beside the record: what raws said and showed, what was refused, and metrics for trends."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Select, Table, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from infra.errors import LedgerError
from infra.ledger.clock import now, utc_text
from infra.ledger.database import Database
from infra.ledger.model import Metric, Observation, Refusal
from infra.ledger.plain import recorded_text
from infra.ledger.tables import MetricRow, ObservationRow, RefusalRow
from infra.redaction import redact_text

__all__ = ["Ingested", "MeasurementStore", "Refused", "day_obs_of_exposure"]

_OBSERVATIONS = cast(Table, ObservationRow.__table__)
_METRICS = cast(Table, MetricRow.__table__)
_REFUSALS = cast(Table, RefusalRow.__table__)
# Few enough that other writers are not kept waiting, many enough that a commit costs nothing per row.
_BATCH = 20_000
_NONE = -1


class Ingested(Protocol):
    """What `MeasurementStore.add_observations` takes: a raw just ingested."""

    @property
    def exposure(self) -> int:
        """Exposure ID."""

    @property
    def detector(self) -> int:
        """Detector number."""

    @property
    def path(self) -> Any:
        """File."""

    @property
    def header_values(self) -> Any:
        """Camera-state cards."""

    @property
    def statistics(self) -> Any:
        """Quick statistics: a dataclass, a pydantic model or a mapping."""


class Refused(Protocol):
    """What `MeasurementStore.add_refusals` takes: a file that was not ingested."""

    @property
    def path(self) -> Any:
        """File."""

    @property
    def reason(self) -> str:
        """Why."""


class MeasurementStore:
    """Observations, metrics and refusals.

    Parameters
    ----------
    database
        Where they are kept, already in its present form.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_observations(self, instrument: str, rows: Iterable[Ingested]) -> int:
        """Store what raws said and showed; measured anew, the new values take the place of the old.

        Parameters
        ----------
        instrument
            Instrument.
        rows
            Raws. One with an attribute ``day_obs`` keeps it; otherwise it follows from Rubin's exposure ID.

        Returns
        -------
        int
            How many were stored.
        """
        return self._store(_OBSERVATIONS, (_observation_values(instrument, row) for row in rows))

    def observations(
        self,
        instrument: str,
        exposures: Sequence[int] | None = None,
        day_obs: int | None = None,
        *,
        detectors: Sequence[int] | None = None,
    ) -> tuple[Observation, ...]:
        """Return what raws said and showed, by exposure and detector; all, or of some exposures or a day."""
        query = select(_OBSERVATIONS).where(_OBSERVATIONS.c.instrument == instrument)
        query = query.order_by(_OBSERVATIONS.c.exposure, _OBSERVATIONS.c.detector)
        if day_obs is not None:
            query = query.where(_OBSERVATIONS.c.day_obs == day_obs)
        if detectors is not None:
            query = query.where(_OBSERVATIONS.c.detector.in_(list(detectors)))
        queries: list[Select[Any]] = [query]
        if exposures is not None:  # databases limit how many values one question may hold
            wanted = sorted(set(exposures))
            queries = [query.where(_OBSERVATIONS.c.exposure.in_(part)) for part in batched(wanted, 10_000)]
        with self._database.reading() as connection:
            return tuple(_observation(row) for q in queries for row in connection.execute(q).mappings())

    def add_metrics(self, rows: Iterable[Metric]) -> int:
        """Store metrics; the same quantity of the same thing measured again takes the place of the old."""
        return self._store(_METRICS, (_metric_values(row) for row in rows))

    def metrics(
        self,
        metric: str | None = None,
        *,
        instrument: str | None = None,
        campaign: str | None = None,
        calibration: str | None = None,
        detector: int | None = None,
        amplifier: str | None = None,
        since: str | None = None,
    ) -> tuple[Metric, ...]:
        """Return metrics in the order of observation.

        Parameters
        ----------
        metric
            Name, such as ``bias.mean``; None for all.
        instrument
            First word of the campaign's name.
        campaign, calibration, detector, amplifier
            What they must be about; None for anything.
        since
            Earliest time of observation (TAI, ISO 8601).
        """
        query = select(_METRICS).order_by(
            _METRICS.c.observed,
            _METRICS.c.exposure,
            _METRICS.c.detector,
            _METRICS.c.metric,
            _METRICS.c.amplifier,
        )
        wanted = {"metric": metric, "campaign": campaign, "calibration": calibration}
        for name, value in (wanted | {"detector": detector, "amplifier": amplifier}).items():
            if value is not None:
                query = query.where(_METRICS.c[name] == value)
        if instrument is not None:
            query = query.where(_METRICS.c.campaign.startswith(f"{instrument}/", autoescape=True))
        if since is not None:
            query = query.where(_METRICS.c.observed >= since)
        with self._database.reading() as connection:
            return tuple(_metric(row) for row in connection.execute(query).mappings())

    def add_refusals(self, rows: Iterable[Refused]) -> int:
        """Store which files were not ingested; the same file and reason are kept once."""
        when = utc_text(now())
        return self._store(_REFUSALS, (_refusal_values(row, when) for row in rows))

    def refusals(self, day_obs: int | None = None, *, mended: bool = False) -> tuple[Refusal, ...]:
        """Return the files that were not ingested, of a day or all, by path.

        Parameters
        ----------
        day_obs
            Observing day as far as the file told; None for all.
        mended
            Whether files that went in later are among them.
        """
        query = select(_REFUSALS).order_by(_REFUSALS.c.path, _REFUSALS.c.reason)
        if day_obs is not None:
            query = query.where(_REFUSALS.c.day_obs == day_obs)
        if not mended:
            query = query.where(~exists().where(_OBSERVATIONS.c.path_key == _REFUSALS.c.path_key))
        with self._database.reading() as connection:
            return tuple(_refusal(row) for row in connection.execute(query).mappings())

    def _store(self, table: Table, rows: Iterable[dict[str, Any]]) -> int:
        count = 0
        for block in batched(rows, _BATCH):
            with self._database.writing() as connection:
                _upsert(connection, table, list(block))
            count += len(block)
        return count


def day_obs_of_exposure(exposure: int) -> int:
    """Return the observing day in a Rubin exposure ID, ``YYYYMMDDnnnnn``.

    The year holds the controller: 3024 is 2024 under the second one of an instrument's list.
    """
    day = exposure // 100_000
    year, month_day = divmod(day, 10_000)
    if not (1000 <= year < 8000 and 101 <= month_day <= 1231):
        raise LedgerError(f"exposure {exposure} holds no observing day", "give the day beside the exposure")
    return (2000 + year % 1000) * 10_000 + month_day


def _upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _observation_values(instrument: str, row: Ingested) -> dict[str, Any]:
    day_obs = getattr(row, "day_obs", None)
    return {
        "instrument": instrument,
        "exposure": row.exposure,
        "detector": row.detector,
        "day_obs": day_obs_of_exposure(row.exposure) if day_obs is None else day_obs,
        "path": str(row.path),
        "path_key": _key(str(row.path)),
        "header_values": recorded_text(row.header_values),
        "statistics": recorded_text(row.statistics),
    }


def _observation(row: Any) -> Observation:
    values = {name: row[name] for name in ("instrument", "exposure", "detector", "day_obs", "path")}
    header_values, statistics = json.loads(row["header_values"]), json.loads(row["statistics"])
    return Observation(**values, header_values=header_values, statistics=statistics)


def _metric_values(row: Metric) -> dict[str, Any]:
    return {
        "campaign": row.campaign,
        "calibration": row.calibration,
        "metric": row.metric,
        "exposure": _NONE if row.exposure is None else row.exposure,
        "detector": _NONE if row.detector is None else row.detector,
        "amplifier": row.amplifier or "",
        "exposure_group": row.group or "",
        # SQLite has no NaN and would store NULL anyway; PostgreSQL would sort it as the largest number.
        "value": None if math.isnan(row.value) else float(row.value),
        "unit": row.unit,
        "observed": row.observed,
    }


def _metric(row: Any) -> Metric:
    return Metric(
        campaign=row["campaign"],
        calibration=row["calibration"],
        metric=row["metric"],
        value=math.nan if row["value"] is None else row["value"],
        unit=row["unit"],
        exposure=None if row["exposure"] == _NONE else row["exposure"],
        detector=None if row["detector"] == _NONE else row["detector"],
        amplifier=row["amplifier"] or None,
        observed=row["observed"],
        group=row["exposure_group"] or None,
    )


def _refusal_values(row: Refused, when: str) -> dict[str, Any]:
    path, reason = str(row.path), redact_text(row.reason)
    exposure = getattr(row, "exposure", None) or getattr(row, "exposure_id", None)
    return {
        "key": _key(f"{path}\0{reason}"),
        "path": path,
        "path_key": _key(path),
        "reason": reason,
        "exposure": exposure,
        "day_obs": getattr(row, "day_obs", None),
        "when_utc": when,
    }


def _refusal(row: Any) -> Refusal:
    return Refusal(**{name: row[name] for name in ("path", "reason", "exposure", "day_obs", "when_utc")})


def _key(text: str) -> str:
    """Return a short stand-in for a text of any length, which an index can hold."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
