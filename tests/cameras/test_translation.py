"""Type, times and numbers of an exposure, as the description says to find them."""

from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from infra.errors import RawRejected
from infra.instruments.described.translation import described_observation
from tests.cameras.frames import CARDS, described, description_values


def observe(
    folder: Path, name: str = "a.fits", *, observation: dict[str, Any] | None = None, **cards: Any
) -> Any:
    """Return what the frame's header says; cards are replaced, or left out by None."""
    values = description_values()
    values["observation"].update(observation or {})
    header = {**CARDS, **{key.replace("_", "-"): value for key, value in cards.items()}}
    header = {key: value for key, value in header.items() if value is not None}
    return described_observation(described(folder, values), header, Path(name))


def test_a_frame_says_everything_the_butler_needs(tmp_path):
    one = observe(tmp_path)
    assert (one.instrument, one.observation_type, one.physical_filter) == ("BENCH", "dark", "r_01")
    assert (one.exposure_time.to_value("s"), one.dark_time.to_value("s")) == (30.0, 30.0)
    # 20:00:00.250 UTC is 37 s later in TAI; noon TAI began the day 28837 s before.
    assert abs((one.datetime_begin - Time("2024-03-18T20:00:37.250", scale="tai")).to_value("s")) < 1e-6
    assert abs((one.datetime_end - one.datetime_begin).to_value("s") - 30.0) < 1e-6
    assert (one.observing_day, one.observation_counter, one.exposure_id) == (20240318, 28837, 2024031828837)
    assert one.observation_id == "BENCH_20240318_28837"
    assert (one.observation_reason, one.science_program, one.object) == ("dark", "unknown", "unknown")


@pytest.mark.parametrize(
    ("card", "name", "kind"),
    [
        ("Bias Frame", "x.fits", "bias"),
        ("ZERO", "x.fits", "bias"),
        ("dark frame", "flat1.fits", "dark"),
        ("Light Frame", "flat-1.fits", "flat"),
        ("Light Frame", "FLAT-1.FIT", "flat"),
    ],
)
def test_the_first_rule_that_fits_tells_the_type(tmp_path, card, name, kind):
    assert observe(tmp_path, name, IMAGETYP=card).observation_type == kind


def test_a_type_that_no_rule_knows_is_refused_with_what_the_frame_says(tmp_path):
    with pytest.raises(
        RawRejected, match=r"IMAGETYP is 'Light Frame', the file name is 'm31\.fits'.*observation\.type"
    ):
        observe(tmp_path, "m31.fits", IMAGETYP="Light Frame")


@pytest.mark.parametrize(
    ("begin", "cards"),
    [
        ({"cards": "DATE-OBS", "scale": "utc"}, {"DATE_OBS": "2024-03-18T20:00:00"}),
        ({"cards": "DATE-OBS", "scale": "utc"}, {"DATE_OBS": "2024-03-18 20:00:00Z"}),
        ({"cards": "DATE-OBS", "scale": "tai"}, {"DATE_OBS": "2024-03-18T20:00:37"}),
        ({"cards": "DATE-OBS", "scale": "tt"}, {"DATE_OBS": "2024-03-18T20:01:09.184"}),
        ({"cards": ["A", "DATE-OBS"], "scale": "utc", "marks": "end"}, {"DATE_OBS": "2024-03-18T20:00:30"}),
        ({"cards": "DATE-OBS", "scale": "utc", "marks": "middle"}, {"DATE_OBS": "2024-03-18T20:00:15"}),
        (
            {"cards": "DATE-OBS", "time": "TIME-OBS", "scale": "utc"},
            {"DATE_OBS": "2024-03-18", "TIME_OBS": "20:00:00.000"},
        ),
        ({"cards": "MJD", "scale": "utc", "format": "mjd"}, {"MJD": 60387 + 20 / 24}),
        ({"cards": "JD", "scale": "utc", "format": "jd"}, {"JD": 2460387.5 + 20 / 24}),
    ],
)
def test_the_begin_in_every_way_it_may_be_written(tmp_path, begin, cards):
    found = observe(tmp_path, observation={"begin": begin}, **cards).datetime_begin
    # A Julian Date holds 40 microseconds in double precision.
    assert abs((found - Time("2024-03-18T20:00:37", scale="tai")).to_value("s")) < 1e-4


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"DATE_OBS": None}, r"DATE-OBS is missing.*observation\.begin"),
        ({"DATE_OBS": "yesterday"}, "DATE-OBS is 'yesterday', no date of our time"),
        ({"DATE_OBS": "1970-01-01T00:00:00"}, "no date of our time"),
        ({"DATE_OBS": "2024-03-18"}, "no date of our time"),
        ({"EXPTIME": None}, r"EXPTIME or EXPOSURE holds nothing.*observation\.exposure_time"),
        ({"EXPTIME": "long"}, "EXPTIME is 'long', not a number of s"),
        ({"EXPTIME": -1}, "EXPTIME is -1"),
        ({"FILTER": "x" * 33}, "physical_filter .* longer than 32"),
    ],
)
def test_a_card_that_is_missing_or_nonsense_is_named_with_the_remedy(tmp_path, cards, said):
    with pytest.raises(RawRejected, match=said):
        observe(tmp_path, **cards)


def test_exposure_times_in_other_units_and_from_the_name(tmp_path):
    named = {"cards": "MSEC", "filename": r"_(\d+)ms", "unit": "ms"}
    assert (
        observe(tmp_path, observation={"exposure_time": named}, MSEC=1500).exposure_time.to_value("s") == 1.5
    )
    found = observe(tmp_path, "dark_250ms.fits", observation={"exposure_time": named})
    assert found.exposure_time.to_value("s") == 0.25


def test_the_header_is_trusted_before_the_name(tmp_path):
    """A file called "expos1" held 60 s."""
    both = {"cards": "EXPTIME", "filename": r"expos(\d+)"}
    assert (
        observe(tmp_path, "darks-expos1.fits", observation={"exposure_time": both}).exposure_time.value
        == 30.0
    )


@pytest.mark.parametrize(
    ("number", "name", "cards", "expected"),
    [
        ("SEQNUM", "a.fits", {"SEQNUM": 17}, 17),
        ({"filename": r"\.(\d{8})\."}, "dark.00000042.fits", {}, 42),
        ({"cards": "SEQNUM", "filename": r"-(\d+)"}, "a-9.fits", {}, 9),
        ({}, "a.fits", {}, 28837),
    ],
)
def test_the_number_of_an_exposure(tmp_path, number, name, cards, expected):
    one = observe(tmp_path, name, observation={"number": number}, **cards)
    assert (one.observation_counter, one.exposure_id) == (expected, 2024031800000 + expected)


@pytest.mark.parametrize("value", [None, "seven", 1.5, -1, 100000])
def test_a_number_that_is_none_is_refused(tmp_path, value):
    with pytest.raises(RawRejected, match=r"no number.*SEQNUM.*observation\.number"):
        observe(tmp_path, observation={"number": "SEQNUM"}, SEQNUM=value)


@pytest.mark.parametrize(
    ("hour", "date", "day", "number"),
    [
        (12.0, "2024-03-18T11:59:59.5", 20240317, 86399),
        (12.0, "2024-03-18T12:00:00", 20240318, 0),
        (0.0, "2024-03-18T00:00:00", 20240318, 0),
        (16.5, "2024-03-18T16:29:59", 20240317, 86399),
        (16.5, "2024-03-18T16:30:00", 20240318, 0),
    ],
)
def test_the_day_begins_where_the_description_says(tmp_path, hour, date, day, number):
    rules = {"day_begins": hour, "begin": {"cards": "DATE-OBS", "scale": "tai"}}
    one = observe(tmp_path, observation=rules, DATE_OBS=date)
    assert (one.observing_day, one.observation_counter) == (day, number)
    assert one.observing_day_offset.to_value("s") == hour * 3600


def test_constants_and_values_by_pattern(tmp_path):
    rules = {
        "target": {"otherwise": "dome"},
        "program": "OBSERVER",
        "reason": {"cards": "WHY", "values": {"c*": "calib"}},
    }
    one = observe(tmp_path, observation=rules, OBSERVER="Anja   ", WHY="Calibration", FILTER=None)
    assert (one.object, one.science_program, one.observation_reason) == ("dome", "Anja", "calib")
    assert one.physical_filter == "none"
