"""Night specifications: what comes with calprod, and what is said of wrong files."""

import itertools
import re
from pathlib import Path

import pytest

from infra.errors import ProfileError
from infra.simulator import FAULT_NAMES, builtin_nights, load_night_spec
from infra.simulator.schedule import schedule_night
from tests.simulator.nights import night

GOOD = """\
day_obs: 20240318
sets:
  - {name: bias, type: bias, count: 5}
  - name: flat
    type: flat
    count: 5
    exposure_time: 2.0
    filter: SDSSr_65mm~empty
faults:
  - {fault: saturated, set: flat, index: 2}
"""


def test_all_nights_that_come_with_calprod_load():
    assert {"demo", "clean", "small", "faults"} <= set(builtin_nights())
    for name in builtin_nights():
        assert load_night_spec(name).instrument == ("LSSTComCam" if name == "comcam" else "LATISS")


def test_demo_leaves_twenty_sound_later_exposures_in_every_main_set():
    exposures = schedule_night(load_night_spec("demo"))
    for name in ("bias", "dark", "flat-r", "flat-g"):
        sound = [item for item in exposures if item.set_name == name and item.index > 0 and not item.faults]
        assert len(sound) >= 20, name


def test_demo_plants_the_faults_it_promises():
    planted = {fault for item in schedule_night(load_night_spec("demo")) for fault in item.faults}
    wanted = "mislabelled other-sequencer wrong-temperature light-leak saturated lamp-drop nan truncated"
    assert planted == set(wanted.split())


def test_faults_night_plants_every_fault_that_flats_of_one_detector_can_have():
    planted = {fault for item in schedule_night(load_night_spec("faults")) for fault in item.faults}
    assert planted == set(FAULT_NAMES) - {"fringe-shifted", "swapped-detector"}


@pytest.mark.parametrize(
    ("change", "line", "key", "message"),
    [
        (("day_obs: 20240318", "day_obs: 20241318"), 1, "day_obs", "YYYYMMDD"),
        (("day_obs", "day_ops"), 1, "day_ops", "did you mean 'day_obs'"),
        (("count: 5}", "count: 0}"), 3, "sets[0].count", "greater than or equal to 1"),
        (("count: 5}", "cuont: 5}"), 3, "sets[0].cuont", "did you mean 'count'"),
        (("    exposure_time: 2.0\n", ""), 4, "sets[1]", "a flat needs an exposure time"),
        (("SDSSr_65mm~empty", "SDSSr"), 8, "sets[1].filter", "physical filter of LATISS"),
        (("type: flat", "type: sky"), 5, "sets[1].type", "'bias', 'dark', 'flat' or 'object'"),
        (("fault: saturated", "fault: saturatd"), 10, "faults[0]", "saturatd"),
        (("set: flat", "set: falt"), 10, "faults[0].set", "one of the sets bias, flat"),
        (("index: 2", "index: 5"), 10, "faults[0].index", "an index below 5"),
        (("name: flat", "name: bias"), 4, "sets[1].name", "no other set"),
        (
            ("day_obs: 20240318", "day_obs: 20240318\ninstrument: DECam"),
            2,
            "instrument",
            "unknown instrument",
        ),
        (("day_obs: 20240318", "day_obs: 20240318\ndetector: 3"), 2, "detector", "no detector 3"),
        (("saturated, ", "gain-step, amplifier: C99, "), 10, "faults[0].amplifier", "C99"),
        (("saturated, ", "mislabelled, "), 10, "faults[0]", "needs true_type or true_filter"),
        # The hint once came from the first fault there is, whichever was meant.
        (("saturated, ", "nan, fracton: 0.5, "), 10, "faults[0].fracton", "did you mean 'fraction'"),
        (
            ("saturated, ", "wrong-exposure-time, "),
            10,
            "faults[0].header_time",
            "is missing; expected what the",
        ),
        (
            ("saturated, set: flat, index: 2", "light-leak, set: bias, index: 2, levl: 9"),
            *(10, "faults[0].levl", "did you mean 'level'"),
        ),
        (("sets:", "camera: {cosmic_rays: {rate: .nan}}\nsets:"), 2, "camera.cosmic_rays.rate", "finite"),
    ],
)
def test_wrong_key_is_named_with_file_and_line(tmp_path: Path, change, line, key, message):
    assert change[0] in GOOD
    path = tmp_path / "night.yaml"
    path.write_text(GOOD.replace(*change, 1))
    with pytest.raises(ProfileError) as caught:
        load_night_spec(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert key in str(caught.value)
    assert message in str(caught.value)


def test_unknown_night_lists_those_there_are():
    with pytest.raises(ProfileError, match=re.escape("did you mean 'demo'")):
        load_night_spec("dmeo")


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ProfileError, match=r"nothing\.yaml"):
        load_night_spec(tmp_path / "nothing.yaml")


def test_a_ramp_is_taken_in_pairs():
    specification = night(
        {
            "name": "ptc",
            "type": "flat",
            "exposure_times": [1.0, 2.0],
            "repeat": 2,
            "filter": "SDSSr_65mm~empty",
        }
    )
    assert [item.declared_time for item in schedule_night(specification)] == [1.0, 1.0, 2.0, 2.0]


def test_exposures_follow_each_other_without_overlap_and_sets_have_one_group():
    exposures = schedule_night(load_night_spec("demo"))
    for earlier, later in itertools.pairwise(exposures):
        assert earlier.end < later.begin
        assert later.seq_num == earlier.seq_num + 1
    assert len({item.group for item in exposures}) == 8


def test_a_morning_belongs_to_the_day_before():
    specification = night({"name": "bias", "type": "bias", "count": 1}, start="05:00:00")
    assert schedule_night(specification)[0].begin.isoformat().startswith("2024-03-19T05:02")
