"""Which days hold calibrations, and what they wait for."""

import json
import math
import time
from dataclasses import replace

from tasks.selection import DayState, calibration_days
from tests.selection.nights import DAY, GREEN, RED, Night, calibration_night, rules

BANDS = {RED: "r", GREEN: "g"}


def test_a_day_with_complete_sets_is_ready_and_says_what_it_holds():
    (day,) = calibration_days(calibration_night().records, (), rules(), bands=BANDS)
    assert (day.day_obs, day.state) == (DAY, DayState.READY)
    assert day.summary == "bias 21, dark 21, flat-g 21, flat-r 21"
    assert list(map(str, day.waiting)) == ["bias", "dark", "flat-g", "flat-r"]
    assert day.to_json()["calibrations"][0] == {
        "calibration": "bias",
        "exposures": 21,
        "sets": 1,
        "largest_set": 21,
        "needed": 11,
        "complete": True,
        "done": False,
    }


def test_a_day_whose_calibrations_are_all_made_is_done():
    done = {(DAY, "bias"), (DAY, "dark"), (DAY, "flat-g"), (DAY, "flat-r")}
    (day,) = calibration_days(calibration_night().records, done, rules(), bands=BANDS)
    assert day.state is DayState.DONE
    (partly,) = calibration_days(calibration_night().records, done - {(DAY, "dark")}, rules(), bands=BANDS)
    assert partly.state is DayState.READY
    assert list(map(str, partly.waiting)) == ["dark"]


def test_a_day_with_too_few_frames_is_short_and_says_how_many_it_needs():
    night = Night()
    night.take("bias", 6)
    night.wait(2000)
    night.take("bias", 6)
    (day,) = calibration_days(night.records, (), rules())
    assert day.state is DayState.SHORT
    assert day.summary == "bias 12 (6 of 11 needed)"
    assert len(day.sets) == 2


def test_a_day_whose_last_frame_is_recent_is_still_acquiring():
    records = calibration_night().records
    last = records[-1].end_tai
    (day,) = calibration_days(records, (), rules(), now_tai=last + 600 / 86400)
    assert day.state is DayState.ACQUIRING
    (later,) = calibration_days(records, (), rules(), now_tai=last + 3600 / 86400)
    assert later.state is DayState.READY


def test_a_broken_time_hid_that_a_day_is_still_acquiring():
    night = calibration_night()
    last = night.records[-1]
    # The order matters to max(): NaN first, in the middle, last.
    for place in (0, 40, -2):
        records = list(night.records)
        records[place] = replace(records[place], end_tai=math.nan)
        (day,) = calibration_days(records, (), rules(), now_tai=last.end_tai + 600 / 86400)
        assert day.state is DayState.ACQUIRING
        assert day.last_tai == last.end_tai
        json.dumps(day.to_json(), allow_nan=False)


def test_a_day_without_any_time_put_nan_in_json():
    records = [replace(one, begin_tai=math.nan, end_tai=math.nan) for one in calibration_night().records]
    (day,) = calibration_days(records, (), rules(), now_tai=60395.0)
    assert day.to_json()["last_tai"] is None
    assert day.state is not DayState.ACQUIRING


def test_days_without_calibration_exposures_are_left_out():
    night = Night()
    night.take("science", 30)
    assert (
        calibration_days([*night.records, *calibration_night(day_obs=DAY + 1).records], (), rules())[
            0
        ].day_obs
        == DAY + 1
    )


def test_a_year_of_days_is_surveyed_in_seconds():
    day = calibration_night()
    records = [
        type(record)(
            **{
                **{name: getattr(record, name) for name in record.__slots__},
                "day_obs": DAY + shift,
                "exposure": record.exposure + shift * 100000,
            }
        )
        for shift in range(365)
        for record in day.records
    ]
    start = time.perf_counter()
    assert len(calibration_days(records, (), rules())) == 365
    assert time.perf_counter() - start < 10
