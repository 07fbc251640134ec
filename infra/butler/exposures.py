"""What the Butler knows of exposures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsst.daf.butler import Butler, DimensionRecord

from infra.errors import UsageError

__all__ = ["ExposureRow", "exposure_rows", "observing_days"]


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """The exposure record of one exposure; times are TAI."""

    exposure: int
    obs_id: str
    day_obs: int
    seq_num: int
    observation_type: str
    observation_reason: str
    physical_filter: str
    group: str
    exposure_time: float
    """seconds"""
    dark_time: float
    """seconds"""
    begin_mjd: float
    """TAI, days"""
    end_mjd: float
    """TAI, days"""
    science_program: str
    target: str
    has_simulated: bool
    ra: float | None = None
    """Right ascension of the boresight (ICRS, degrees); None off the sky."""
    dec: float | None = None
    """Declination of the boresight (ICRS, degrees); None off the sky."""


def observing_days(butler: Butler, instrument: str) -> tuple[int, ...]:
    """Every day_obs with an exposure of ``instrument``, sorted."""
    with butler.query() as query:
        rows = query.where(instrument=instrument).dimension_records("day_obs")
        return tuple(sorted(int(record.id) for record in rows))


def exposure_rows(butler: Butler, instrument: str, days: Iterable[int]) -> tuple[ExposureRow, ...]:
    """Exposures of ``instrument`` on the given days, in the order they were taken.

    Raises
    ------
    UsageError
        A day has no exposure in this repository.
    """
    wanted = sorted(set(days))
    if not wanted:
        return ()
    with butler.query() as query:
        records: Sequence[DimensionRecord] = list(
            query.where(
                "instrument = :name AND exposure.day_obs IN (:days)",
                bind={"name": instrument, "days": wanted},
            ).dimension_records("exposure")
        )
    rows = tuple(sorted((_row(record) for record in records), key=lambda row: row.exposure))
    missing = sorted(set(wanted) - {row.day_obs for row in rows})
    if missing:
        raise UsageError(
            f"no exposure of {instrument} on {', '.join(map(str, missing))} in this repository",
            "see which days there are with: calprod days REPO",
        )
    return rows


def _row(record: DimensionRecord) -> ExposureRow:
    return ExposureRow(
        exposure=record.id,
        obs_id=record.obs_id,
        day_obs=record.day_obs,
        seq_num=record.seq_num,
        observation_type=record.observation_type,
        observation_reason=record.observation_reason,
        physical_filter=record.physical_filter,
        group=record.group,
        exposure_time=record.exposure_time,
        dark_time=record.dark_time,
        begin_mjd=float(record.timespan.begin.tai.mjd),
        end_mjd=float(record.timespan.end.tai.mjd),
        science_program=record.science_program,
        target=record.target_name,
        has_simulated=bool(record.has_simulated),
        ra=None if record.tracking_ra is None else float(record.tracking_ra),
        dec=None if record.tracking_dec is None else float(record.tracking_dec),
    )
