"""Numbers of exposures, detectors, visits and days, told from small headers."""

import pytest

from infra.errors import RawRejected
from infra.instruments.translators.identity import (
    detector_exposure_id,
    exposure_id,
    observing_day,
    visit_id,
)


@pytest.mark.parametrize(
    ("day", "number", "controller", "expected"),
    [
        (20240318, 43, None, 2024031800043),
        (20240318, 43, "O", 2024031800043),
        (20240318, 1, "H", 4024031800001),
        (20231004, 1, "C", 3023100400001),
        (20231005, 1, "C", 2023100500001),
        (20250417, 42, "Q", 6025041700042),
        (20250417, 101, "P", 5025041700101),
        (20250417, 1, "S", 7025041700001),
        (20250418, 1, "P", 2025041800001),
        (20250418, 1, "Q", 2025041800001),
        (20250418, 1, "S", 2025041800001),
        (20260101, 1, "H", 4026010100001),
    ],
)
def test_exposure_ids(day, number, controller, expected):
    assert exposure_id(day, number, controller) == expected


@pytest.mark.parametrize(("number", "controller"), [(100000, "O"), (-1, "O"), (1, "X"), (1, "OC"), (1, "")])
def test_impossible_exposure_ids_are_refused(number, controller):
    with pytest.raises(RawRejected, match=r"SEQNUM|CONTRLLR"):
        exposure_id(20240318, number, controller)


def test_detector_exposure_ids():
    # Known answer of Rubin's own packer for AT_O_20240624_000106, detector 0.
    assert detector_exposure_id(2024062400106, 0) == 44358986240
    assert detector_exposure_id(3019031900001, 97) == 0x2692000161


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("3019052600223", 3019052600223),
        ("2024-06-25T01:26:31.895#1", 2992083918950001),
        ("2024-06-25T07:10:40.297", 2992290402970000),
        ("2020-03-29T16:55:00.012#24", 1654305000120024),
        ("bias_0027_0100", 3575576933793566714),
        ("TEST01", 1123819875881954006),
    ],
)
def test_visit_ids(group, expected):
    assert visit_id(group) == expected


@pytest.mark.parametrize("text", ["20240318", "2024-03-18", "2024-03-18T00:00:00"])
def test_observing_days_in_all_their_spellings(text):
    assert observing_day(text) == 20240318


@pytest.mark.parametrize("text", ["20241318", "2024031", "today", "20240230", ""])
def test_days_that_are_none_are_refused(text):
    with pytest.raises(RawRejected, match="DAYOBS"):
        observing_day(text)
