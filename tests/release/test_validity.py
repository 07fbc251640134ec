from itertools import pairwise

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from lsst.daf.butler import Timespan

from infra.butler.validity import Validity
from infra.errors import UsageError

NOON_26 = "2024-03-26T12:00:00"


def tai(text: str) -> Time:
    return Time(text, format="isot", scale="tai")


def test_a_day_runs_from_noon_to_noon_as_the_butler_counts_days():
    assert Validity.from_days(20240326, 20240326).timespan() == Timespan.from_day_obs(
        20240326, offset=12 * 3600
    )


def test_the_last_day_is_covered_and_the_day_after_is_not():
    validity = Validity.from_days(20240326, 20240404)
    assert validity.timespan() == Timespan(tai(NOON_26), tai("2024-04-05T12:00:00"))
    assert (validity.first_day(), validity.last_day()) == (20240326, 20240404)


def test_a_bare_date_does_not_begin_in_the_night_before():
    """00:00 TAI of a date lies in the night whose day_obs is the previous date."""
    assert Validity.parse("2024-03-26..").begin == Validity.parse(f"{NOON_26}..").begin
    assert Validity.parse("2024-03-26T00:00:00..").first_day() == 20240325


def test_a_leap_second_neither_shifts_nor_stretches_a_day():
    """UTC had 86 401 seconds on 2016-12-31; the boundaries stay at noon TAI, 36 s and 37 s from noon UTC."""
    span = Validity.from_days(20161231, 20161231).timespan()
    assert (span.end - span.begin).to_value("s") == 86400
    assert span.begin.utc.isot.startswith("2016-12-31T11:59:24")
    assert span.end.utc.isot.startswith("2017-01-01T11:59:23")


def test_days_of_february_and_of_the_turn_of_the_year_are_counted_right():
    assert Validity.from_days(20240228, 20240229).text() == "2024-02-28T12:00:00..2024-03-01T12:00:00"
    assert Validity.from_days(20231231, 20231231).text() == "2023-12-31T12:00:00..2024-01-01T12:00:00"


@pytest.mark.parametrize(
    "text",
    ["20240326..20240404", "20240326..", "..20240404", "..", f"{NOON_26}.500000000..2024-03-26T13:00:00"],
)
def test_what_is_written_is_read_back(text: str):
    validity = Validity.parse(text)
    assert str(validity) == text
    assert Validity.parse(str(validity)) == validity == Validity.parse(validity.text())


def test_open_ends_stay_open_in_the_butler_and_back():
    span = Validity.from_days(20240326).timespan()
    assert span.end is None
    assert Validity.from_timespan(span) == Validity.from_days(20240326)
    assert Validity.from_timespan(Timespan(None, None)) == Validity()


@pytest.mark.parametrize(
    "text", ["20240326", "20240404..20240326", "20240230..", "today..", "20240326T120000..", f"{NOON_26}Z.."]
)
def test_nonsense_is_refused_with_a_remedy(text: str):
    with pytest.raises(UsageError) as error:
        Validity.parse(text)
    assert error.value.remedy


@pytest.mark.parametrize("text", ["1960-01-01..", "1970-01-01T00:00:00..", "..2100-01-01", "..21500101"])
def test_bounds_that_the_butler_would_take_for_open_are_refused(text: str):
    with pytest.raises(UsageError, match="open"):
        Validity.parse(text)


def test_people_are_shown_the_days_and_the_times():
    assert Validity.from_days(20240326, 20240404).describe() == (
        "day_obs 20240326 until day_obs 20240404, that is [2024-03-26T12:00:00, 2024-04-05T12:00:00) TAI"
    )
    assert "20240326 (in part)" in Validity.parse("2024-03-26T18:00:00..").describe()
    assert Validity.from_days(20240326).describe().endswith("[2024-03-26T12:00:00, ∞) TAI")


bounds = st.one_of(st.none(), st.integers(1, 4 * 10**18))
ranges = st.builds(lambda pair: pair, st.tuples(bounds, bounds)).filter(
    lambda pair: None in pair or pair[0] < pair[1]
)


@given(ranges)
def test_the_butlers_own_timespan_keeps_every_nanosecond(pair):
    validity = Validity(*pair)
    assert Validity.from_timespan(validity.timespan()) == validity
    assert Validity.parse(validity.text()) == validity


@given(ranges, ranges)
def test_cutting_a_range_out_leaves_what_only_the_other_covers(first, second):
    one, two = Validity(*first), Validity(*second)
    common = one.intersection(two)
    parts = one.without(two)
    assert one.timespan().overlaps(two.timespan()) == one.overlaps(two)
    assert all(not part.overlaps(two) for part in parts)
    pieces = sorted([*parts, *([common] if common else [])], key=lambda piece: piece.begin or 0)
    assert pieces[0].begin == one.begin
    assert pieces[-1].end == one.end
    assert all(left.end == right.begin for left, right in pairwise(pieces))
