"""Observations, metrics and refusals: stored many at once, measured anew without doubles, found fast."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.errors import LedgerError
from infra.ledger import Ledger, Metric, Refusal, day_obs_of_exposure

CAMPAIGN = "LATISS/DM-1/tag/20240318a"


@dataclass(frozen=True)
class Statistics:
    level: float
    amplifiers: tuple[float, ...] = (1.0, math.nan)


@dataclass(frozen=True)
class Raw:
    exposure: int
    detector: int = 0
    path: Path = Path("/raws/x.fits")
    header_values: tuple[()] | dict[str, object] = ()
    statistics: Statistics = Statistics(1000.0)


def raw(number: int, **more: object) -> Raw:
    words = {"path": Path(f"/raws/{number}.fits"), "header_values": {"SEQNAME": "a.seq", "ODP": None}} | more
    return Raw(exposure=20240318_00000 + number, **words)


def test_what_a_raw_showed_comes_back(ledger: Ledger) -> None:
    assert ledger.add_observations("LATISS", [raw(2), raw(1)]) == 2
    first, second = ledger.observations("LATISS", day_obs=20240318)
    assert (first.exposure, second.exposure) == (2024031800001, 2024031800002)
    assert first.header_values == {"SEQNAME": "a.seq", "ODP": None}
    assert first.statistics == {"level": 1000.0, "amplifiers": [1.0, "NaN"]}
    assert first.path == "/raws/1.fits"
    assert ledger.observations("LSSTCam") == ()
    assert ledger.observations("LATISS", day_obs=20240319) == ()


def test_observations_are_chosen_by_exposure_and_detector(ledger: Ledger) -> None:
    ledger.add_observations("LSSTCam", [raw(n, detector=d) for n in range(3) for d in range(4)])
    found = ledger.observations("LSSTCam", [2024031800002, 2024031800000], detectors=[1, 3])
    assert [(row.exposure % 10, row.detector) for row in found] == [(0, 1), (0, 3), (2, 1), (2, 3)]
    assert ledger.observations("LSSTCam", []) == ()


def test_more_exposures_than_a_database_takes_in_one_question(ledger: Ledger) -> None:
    ledger.add_observations("LATISS", [raw(n) for n in range(3)])
    assert len(ledger.observations("LATISS", range(2024031800000, 2024031870000))) == 3


def test_a_raw_measured_anew_replaces_the_old_values(ledger: Ledger) -> None:
    ledger.add_observations("LATISS", [raw(1)])
    ledger.add_observations("LATISS", [raw(1, statistics=Statistics(2000.0))])
    (row,) = ledger.observations("LATISS")
    assert row.statistics["level"] == 2000.0


@pytest.mark.parametrize(
    ("exposure", "day"),
    [
        (2024031800001, 20240318),
        (3023122500600, 20231225),  # controller C of LSSTCam adds a thousand years
        (7025042200250, 20250422),
    ],
)
def test_the_observing_day_stands_in_the_exposure_id(exposure: int, day: int) -> None:
    assert day_obs_of_exposure(exposure) == day


def test_an_exposure_without_a_day_needs_it_beside(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="exposure 17 holds no observing day"):
        ledger.add_observations("Other", [Raw(exposure=17)])

    @dataclass(frozen=True)
    class DatedRaw(Raw):
        day_obs: int = 20240318

    ledger.add_observations("Other", [DatedRaw(exposure=17)])
    assert ledger.observations("Other", day_obs=20240318)[0].exposure == 17


def metric(value: float = 0.1, **more: object) -> Metric:
    words = {
        "exposure": 2024031800001,
        "detector": 0,
        "amplifier": "C10",
        "observed": "2024-03-18T12:00:37",
    } | more
    base = {"campaign": CAMPAIGN, "calibration": "bias", "metric": "bias.mean", "unit": "electron"}
    return Metric(value=value, **(base | words))


def test_metrics_come_back_in_the_order_of_observation(ledger: Ledger) -> None:
    late = metric(exposure=2024031800002, observed="2024-03-18T12:05:00", group="verification")
    combined = metric(exposure=None, amplifier=None, detector=None, observed=None, metric="bias.noise")
    assert ledger.add_metrics([late, metric(), combined]) == 3
    assert ledger.metrics("bias.mean") == (metric(), late)
    assert ledger.metrics("bias.noise") == (combined,)
    assert ledger.metrics("bias.mean", since="2024-03-18T12:01") == (late,)
    assert ledger.metrics("bias.mean", instrument="LATISS", amplifier="C10", detector=0) == (metric(), late)
    assert ledger.metrics(instrument="LAT") == ()
    assert ledger.metrics(campaign=CAMPAIGN, calibration="dark") == ()


def test_a_metric_that_could_not_be_formed_stays_nan(ledger: Ledger) -> None:
    ledger.add_metrics([metric(math.nan), metric(math.inf, amplifier="C11")])
    first, second = ledger.metrics()
    assert math.isnan(first.value)
    assert second.value == math.inf


def test_a_resumed_run_that_measures_again_makes_no_doubles(ledger: Ledger) -> None:
    for value in (0.1, 0.2):
        ledger.add_metrics(
            [metric(value), metric(value, exposure=None, detector=None, amplifier=None, observed=None)]
        )
    assert [row.value for row in ledger.metrics()] == [0.2, 0.2]


@dataclass(frozen=True)
class RefusedRaw:
    path: str
    reason: str
    exposure_id: int | None = None
    day_obs: int | None = None


def test_a_refused_file_is_kept_once_until_it_goes_in(ledger: Ledger) -> None:
    refused = RefusedRaw("/raws/7.fits", "truncated", 2024031800007, 20240318)
    for _ in range(2):
        ledger.add_refusals([refused, Refusal(path="/raws/note.txt", reason="not FITS")])
    (row,) = ledger.refusals(20240318)
    assert (row.path, row.reason, row.exposure) == ("/raws/7.fits", "truncated", 2024031800007)
    assert row.when_utc is not None
    assert [r.path for r in ledger.refusals()] == ["/raws/7.fits", "/raws/note.txt"]
    ledger.add_observations("LATISS", [raw(7)])  # mended and ingested from the same place
    assert ledger.refusals(20240318) == ()
    assert len(ledger.refusals(20240318, mended=True)) == 1


def test_a_very_long_path_and_reason_fit(ledger: Ledger) -> None:
    ledger.add_refusals([RefusedRaw("/" + "x" * 4000, "y" * 9000)])
    assert len(ledger.refusals()[0].reason) == 9000


@pytest.mark.parametrize(
    "where",
    [
        "observations WHERE instrument = 'LATISS' AND day_obs = 20240318",
        "observations WHERE instrument = 'LATISS' AND exposure IN (1, 2)",
        "metrics WHERE metric = 'bias.mean' AND observed >= '2024'",
        "metrics WHERE campaign = 'x' AND calibration = 'bias'",
        "refusals WHERE day_obs = 20240318",
        "entries WHERE campaign = 'x' AND calibration = 'bias'",
        "entries WHERE step = 'exclude'",
    ],
)
def test_what_is_asked_often_is_answered_by_an_index(tmp_path: Path, where: str) -> None:
    with Ledger.open(f"{tmp_path}/ledger.sqlite3") as ledger, ledger._database.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM {where}").all()
    assert all(row[-1].startswith("SEARCH") for row in plan)


@pytest.mark.slow
def test_a_few_raws_are_found_at_once_among_a_million(ledger: Ledger) -> None:
    days = [20240100 + day for day in range(1, 21)]
    rows = (
        Raw(exposure=day * 100_000 + n, statistics=Statistics(1.0, ())) for day in days for n in range(50_000)
    )
    assert ledger.add_observations("LATISS", rows) == 1_000_000
    started = time.perf_counter()
    assert len(ledger.observations("LATISS", [20240105_00000 + n for n in range(0, 40_000, 100)])) == 400
    # Milliseconds by the index; the bound only tells them from reading everything on a busy machine.
    assert time.perf_counter() - started < 2.0
