"""The STL-1001E series from ``calprod init --camera`` to calibrations that wait for a decision."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import yaml
from lsst.daf.butler import Butler

from flows.cli import main
from infra.butler.images import calibration_image
from infra.butler.repository import open_butler
from infra.instruments.described import load_description
from tests.cameras.stl1001e import DAY

pytestmark = pytest.mark.shared_data

GAIN = 2.06  # electron/adu, the nominal one


def calprod(*arguments: object) -> str:
    """Type a command that must succeed, and return what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as leaving:
        main([str(one) for one in arguments])
    assert leaving.value.code == 0, out.getvalue() + err.getvalue()
    return out.getvalue()


@pytest.fixture(scope="module")
def repository(test_data, tmp_path_factory) -> Path:
    """Return a repository that holds the whole series, the files staying where they are."""
    root = tmp_path_factory.mktemp("stl") / "repo"
    calprod("init", root, "--camera", "stl1001e")
    calprod("ingest", root, test_data / "frames" / "stl1001")
    return root


@pytest.fixture(scope="module")
def plan(repository) -> dict:
    return json.loads(calprod("plan", repository, "--day-obs", DAY, "--json"))


def rows(plan: dict, calibration: str, role: str) -> list[dict]:
    found = [row for row in plan["exposures"] if row["role"] == role]
    return [row for row in found if row["calibration"] == calibration]


def test_the_sets_are_of_one_temperature_and_one_exposure_time(repository, plan):
    with open_butler(repository) as butler:
        records = {one.id: one for one in butler.query_dimension_records("exposure", instrument="STL1001E")}
    # The biases at -10 degree Celsius were taken from 21:18 UTC on, all that is used before or after.
    for calibration, count, seconds in (("bias", 9, 0.0), ("dark", 4, 60.0), ("flat-white", 5, 23.0)):
        used = [records[row["exposure"]] for row in rows(plan, calibration, "generation")]
        assert len(used) == count
        assert {one.exposure_time for one in used} == {seconds}
        assert not [one for one in used if 33_000 < one.seq_num < 35_000]


def test_the_other_temperature_is_left_out_by_name(plan):
    reasons = [row["reason"] for row in rows(plan, "bias", "excluded")]
    assert len(reasons) == 6
    assert all("TEMP_SET is -10, -5 in its set" in reason for reason in reasons)


def test_flats_of_one_level_make_no_photon_transfer_curve(plan):
    assert not rows(plan, "ptc", "generation")


def test_biases_of_the_other_temperature_by_hand(repository, tmp_path):
    """The latest set instead of the largest: its own campaign, at -10 degree Celsius alone."""
    profile = yaml.safe_load((repository / "calprod" / "profile.yaml").read_text())
    profile["campaign"]["tag"] = "cold"
    for one in profile["calibrations"]:
        if one.get("observation_type") == "bias":
            one["selection"]["sets"] = "latest"
    path = tmp_path / "cold.yaml"
    path.write_text(yaml.safe_dump(profile, sort_keys=False))
    calprod("run", repository, "--day-obs", DAY, "--calib", "bias", "--profile", path)
    trend = json.loads(calprod("trend", "bias.noise", "-b", repository, "--profile", path, "--json"))
    groups: dict[str, list[float]] = {"generation": [], "verification": []}
    for row in trend:
        if row["campaign"].split("/")[2] == "cold":
            groups[row["group"]].append(row["value"] / (6.56 * GAIN))
    # Five biases were combined: their mean takes noise out of what went in, adds to what did not. What moves
    # from frame to frame adds 2 %.
    assert groups["generation"] == pytest.approx([np.sqrt(4 / 5)] * 5, rel=0.03)
    before, first = groups["verification"]
    assert first == pytest.approx(np.sqrt(6 / 5), rel=0.03)
    assert 1.1 < before < 1.3  # a week before, at the same temperature


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_the_series_allows_is_made_and_verified(repository):
    calprod("run", repository, "--day-obs", DAY)
    shown = json.loads(calprod("show", f"{DAY}a", "-b", repository, "--json"))
    states = {one["calibration"]: one["state"] for one in shown["calibrations"]}
    assert states == {
        **dict.fromkeys(("biasBootstrap", "darkBootstrap", "flatBootstrap-white"), "intermediate"),
        **dict.fromkeys(("defects", "bias", "dark", "flat-white"), "awaiting-approval"),
    }
    verdicts = {one["calibration"]: one["verdict"] for one in shown["calibrations"] if one["verdict"]}
    assert set(verdicts.values()) == {"verified"}
    with open_butler(repository) as butler:
        bias, dark, flat = (image(butler, name) for name in ("bias", "dark", "flat"))
        (made,) = butler.query_datasets("bias", "STL1001E/calib/calprod/nightly/*", find_first=False)
        header = calibration_image(butler.get(made)).metadata
        assert header["CALPROD CAMERA"] == load_description("stl1001e").digest[:16]
        (ref,) = butler.query_datasets("defects", "STL1001E/calib/*", find_first=False, explain=False)
        defects = butler.get(ref)
    assert np.median(bias) == pytest.approx(GAIN * 993.0, rel=1e-3)
    assert np.median(dark) == pytest.approx(GAIN * 22.5 / 60.0, rel=0.02)
    assert np.median(flat) == pytest.approx(1.0, abs=0.01)
    reasons = {word for row in defects["reason"] for word in str(row).split("+")}
    assert {"hot", "cold"} <= reasons
    assert 5_000 < int((defects["width"] * defects["height"]).sum()) < 40_000


def image(butler: Butler, name: str) -> np.ndarray:
    (ref,) = butler.query_datasets(name, "STL1001E/calib/calprod/nightly/*", find_first=False, explain=False)
    return calibration_image(butler.get(ref)).image
