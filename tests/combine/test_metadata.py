"""Header of a combined calibration."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.combine.metadata import common_cards, creation_cards, fits_date, provenance_cards, time_cards
from tests.combine.exposures import described


@pytest.mark.parametrize(
    ("mjd", "date"),
    [
        (51544.0, "2000-01-01T00:00:00.000"),
        (60486.06002, "2024-06-25T01:26:25.728"),
        (60675.999999999, "2025-01-01T00:00:00.000"),  # rounds up to the next millisecond, hence year
    ],
)
def test_dates_known_from_the_almanac(mjd, date):
    assert fits_date(mjd) == date


@given(st.floats(40000, 70000))
def test_dates_agree_with_astropy_to_the_millisecond(mjd):
    from astropy.time import Time

    ours = Time(fits_date(mjd), format="isot", scale="tai")
    assert abs((ours - Time(mjd, format="mjd", scale="tai")).sec) <= 0.00051


def test_every_input_is_named_in_the_order_supplied():
    inputs = [described(7, 30.0), described(3, 15.0)]
    cards = provenance_cards(inputs, [2.5, 3.5])
    assert cards["CPP_INPUT_0"] == 2024032600007
    assert cards["CPP_INPUT_1"] == 2024032600003
    assert cards["CPP_INPUT_DATE_0"] == fits_date(inputs[0].begin_mjd + 15 / 86400)
    assert (cards["CPP_INPUT_EXPT_1"], cards["CPP_INPUT_SCALE_1"]) == (15.0, 3.5)
    assert len(cards) == 8


def test_times_span_all_inputs():
    inputs = [described(7, 30.0), described(3, 15.0), described(5, 60.0)]
    cards = time_cards(inputs)
    assert cards["TIMESYS"] == "TAI"
    assert cards["MJD-BEG"] == cards["MJD-OBS"] == inputs[1].begin_mjd
    assert cards["MJD-END"] == inputs[0].end_mjd
    assert cards["MJD-AVG"] == pytest.approx((inputs[1].begin_mjd + inputs[0].end_mjd) / 2, abs=1e-12)
    assert cards["DATE-BEG"] == cards["DATE-OBS"] == fits_date(inputs[1].begin_mjd)


def test_creation_is_given_in_utc_and_in_local_time():
    chile = timezone(timedelta(hours=-4), "-04")
    cards = creation_cards(datetime(2024, 4, 5, 22, 7, 8, tzinfo=chile))
    assert cards == {
        "CALIB_CREATION_DATETIME": "2024-04-06T02:07:08",
        "CALIB_CREATION_DATE": "2024-04-05",
        "CALIB_CREATION_TIME": "22:07:08 -04",
    }
    assert creation_cards(datetime(2024, 4, 6, 2, 7, 8, tzinfo=UTC))["CALIB_CREATION_TIME"] == "02:07:08 UTC"


def test_a_creation_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        creation_cards(datetime(2024, 4, 5))


def test_only_cards_that_all_inputs_share_are_carried_over():
    first = {
        "INSTRUME": "LATISS",
        "CCDTEMP": -101.0,
        "ODP": 9.0,
        "SEQNUM": 5,
        "NAXIS1": 4,
        "DATE-OBS": "x",
        "A": 1,
    }
    second = first | {"CCDTEMP": -101.2, "A": 1.0} | {"NEW": 2}
    assert common_cards([first, second]) == {"INSTRUME": "LATISS", "ODP": 9.0}


def test_cards_of_one_exposure_are_dropped_even_when_it_is_the_only_one():
    header = {"OBSID": "AT_O_20240326_000007", "EXPTIME": 30.0, "SEQNAME": "a.seq", "MJD-END": 1.0}
    assert common_cards([header | {"LSST ISR OVERSCAN SERIAL MEAN C10": 2.0}]) == {"SEQNAME": "a.seq"}


def test_a_card_that_is_nan_in_all_inputs_is_shared():
    cards = common_cards([{"A": float("nan"), "B": None}, {"A": float("nan"), "B": None}])
    assert set(cards) == {"A", "B"}
