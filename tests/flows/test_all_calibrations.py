"""A day that holds everything: all ten calibrations in the modern order, and on to a second site."""

import json

import numpy as np
import pytest
from lsst.daf.butler import Butler, CollectionType

from infra.butler.contents import content_digest
from infra.simulator import load_truth
from tasks.isr.linearity import linearized
from tasks.isr.tables import corrections_from_linearizer
from tests.flows.walk import SITE, Place, calprod, show

DAY = 20240327
INTERMEDIATE = ("biasBootstrap", "darkBootstrap", "flatBootstrap-r")
FLATS = ("flat-g", "flat-r", "flat-y")
CERTIFIED = ("defects", "linearizer", "cti", "ptc", "bfk", "bias", "dark", *FLATS, "fringe-y", "crosstalk")
HALFWAY = 50000.0
"""A level in the middle of the linearizer's range (adu)."""
CURVE = ("PTC_GAIN_ERROR", "PTC_NOISE")
"""Warnings of a curve from small frames: their pixels fix its value at no light to several per cent only."""
FIRST_CURVE = ("PTC_GAIN_CHANGE", "PTC_NOISE_CHANGE", "PTC_A00_CHANGE")
"""What cannot be tested of the first curve of a camera."""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a repository in which all calibrations of the day wait for a decision."""
    root = tmp_path_factory.mktemp("everything")
    place = Place(root, root / "raw")
    calprod("simulate", place.raws, "--night", "complete").must()
    for repository in (place.repository, place.site):
        calprod("init", repository, "--instrument", "LATISS").must()
    place.settings(lambda profile: profile.update(remotes=[{"name": SITE, "address": str(place.site)}]))
    calprod("ingest", place.repository, place.raws).must()
    calprod("run", place.repository, "--day-obs", DAY).must()
    return place


@pytest.fixture(scope="module")
def made(place: Place) -> dict[str, dict]:
    """Return what ``calprod show`` says of each calibration before anybody decided."""
    return show(place, f"{DAY}a")


def dataset(place: Place, made: dict[str, dict], key: str):
    """Return the dataset of a calibration."""
    with Butler.from_config(str(place.repository)) as butler:
        return butler.get(butler.get_dataset(made[key]["datasets"][0]["uuid"]))


def test_bootstrap_products_serve_the_others_and_wait_for_nobody(made: dict[str, dict]) -> None:
    assert tuple(made) == (*INTERMEDIATE, *CERTIFIED)
    assert {made[key]["state"] for key in INTERMEDIATE} == {"intermediate"}
    assert {made[key]["verdict"] for key in INTERMEDIATE} == {None}
    assert all(f"/{key.partition('-')[0]}Gen" in made[key]["run"] for key in INTERMEDIATE)
    assert "/defectGen." in made["defects"]["run"]


def test_a_sound_day_passes_verification(made: dict[str, dict]) -> None:
    assert {key: made[key]["state"] for key in CERTIFIED} == dict.fromkeys(CERTIFIED, "awaiting-approval")
    failures = [one for key in CERTIFIED for one in made[key]["failures"] + made[key]["could_not_run"]]
    assert [(one["calibration"], one["test"], one["amplifier"], one["reason"]) for one in failures] == []
    assert {key: made[key]["verdict"] for key in CERTIFIED} == dict.fromkeys(CERTIFIED, "verified")
    assert {one["test"] for one in made["ptc"]["warnings"]} <= {*CURVE, *FIRST_CURVE}


def test_each_is_made_with_what_was_made_before_it(place: Place) -> None:
    priors = {
        row["calibration"]: [one["calibration"] for one in json.loads(row["parameters"])["priors"]]
        for row in place.entries("generate")
    }
    assert priors["defects"] == ["biasBootstrap", "darkBootstrap", "flatBootstrap"]
    assert priors["linearizer"] == ["defects"]
    assert priors["cti"] == ["linearizer", "defects"]
    assert priors["ptc"] == ["defects", "linearizer", "cti"]
    assert priors["bfk"] == ["ptc", "defects", "linearizer", "cti"]
    assert priors["bias"] == ["linearizer", "ptc"]
    assert priors["dark"] == ["bias", "linearizer", "ptc", "defects"]
    assert all(priors[key] == ["bias", "dark", "linearizer", "ptc", "bfk"] for key in FLATS)
    # The flat of the fringe frame's own filter, and no other.
    assert priors["fringe-y"] == ["bias", "dark", "flat", "linearizer", "ptc", "defects"]
    assert priors["crosstalk"] == ["ptc"]


def test_the_curve_and_the_linearizer_know_the_camera(place: Place, made: dict[str, dict]) -> None:
    truth = {one.name: one for one in load_truth(place.raws).amplifiers}
    curve, corrections = (
        dataset(place, made, "ptc"),
        corrections_from_linearizer(dataset(place, made, "linearizer")),
    )
    assert curve["BAD_AMPS"][0].size == 0
    departures, errors = [], []
    for row in curve:
        one = truth[row["AMPLIFIER_NAME"]]
        # A linearizer is free to a factor, which the gain takes off again.
        counts = HALFWAY - one.nonlinearity * HALFWAY**2
        scale = float(linearized(np.array([counts]), corrections[one.name])[0]) / HALFWAY
        departures.append(row["GAIN"] * scale / one.gain - 1.0)
        errors.append(row["GAIN_ERR"] / row["GAIN"])
    # The lamp of the night wanders by 0.3 %, and nothing but the exposure time tells how bright it was: the
    # linearizer takes its drift for a curvature, and so does the gain.
    assert np.all(np.abs(departures) < 4.5 * np.hypot(errors, 0.005))
    assert abs(np.mean(departures)) < 0.01


def test_fringes_of_the_night_come_back(place: Place, made: dict[str, dict]) -> None:
    """A frame of n exposures has 1/√n of the noise of one; its pattern is that of the sky's fringes."""
    truth = load_truth(place.raws).image("fringe-SDSSy_65mm~empty")
    fringe = dataset(place, made, "fringe-y")
    good = ~fringe.mask.array.any(axis=2)
    correlation = np.corrcoef(fringe.image.array[good], truth[good])[0, 1]
    # 16 exposures of 3000 electron of sky leave a noise of 0.5 %; fringes of 4 % have an rms of 2.8 %: 0.98.
    assert correlation > 0.95


def test_tables_reach_the_other_site_like_images(place: Place, made: dict[str, dict]) -> None:
    calprod("approve", f"{DAY}a", "-b", place.repository, "--reviewer", "vera", "--begin", DAY).must()
    done = calprod("release", f"{DAY}a", "-b", place.repository).must()
    assert "2 sites match" in done.out
    after = show(place, f"{DAY}a")
    assert {after[key]["state"] for key in CERTIFIED} == {f"deployed({SITE})"}
    assert {after[key]["state"] for key in INTERMEDIATE} == {"intermediate"}
    with Butler.from_config(str(place.site)) as site:
        for key in CERTIFIED:
            ref = site.get_dataset(made[key]["datasets"][0]["uuid"])
            assert ref is not None, key
            assert content_digest(site, ref) == made[key]["datasets"][0]["digest"]
        held = set(site.collections.query("*", collection_types={CollectionType.RUN}))
    assert not any("Bootstrap" in run for run in held)
    rows = json.loads(calprod("status", "-b", place.repository, "--json").must().out)
    assert [row["out_of_date"] for row in rows] == [[]] * len(made)


def test_the_report_shows_tables_with_their_figures(place: Place, made: dict[str, dict]) -> None:
    page = (place.repository / "calprod" / "campaigns" / f"{DAY}a" / "report.html").read_text()
    for key in CERTIFIED:
        assert made[key]["run"] in page
    for words in ("Variance", "electron/adu", "biasBootstrap"):
        assert words in page


def test_numbers_of_tables_can_be_followed_in_time(place: Place) -> None:
    per_amplifier = (
        "ptc.gain",
        "linearity.max_residual",
        "defects.fraction",
        "cti.serial",
        "bfk.a00_residual",
    )
    for metric in per_amplifier:
        rows = json.loads(calprod("trend", metric, "-b", place.repository, "--json").must().out)
        assert len([row for row in rows if row["amplifier"]]) == 16
        assert all(np.isfinite(row["value"]) for row in rows)
