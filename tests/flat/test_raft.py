"""From simulated raws of nine sensors to flats and their verdict, through the pipelines that people run."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType
from lsst.pipe.base import Pipeline

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image, masked_image
from infra.butler.repository import open_butler
from infra.images import CalibrationImage
from infra.instruments.lsstcomcam import LSSTCOMCAM
from infra.settings import builtin_policy
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.gradient.table import gradient_from_table
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, Outcome, Verdict, VerdictOutcome
from tests.flat.chips import layout_of
from tests.flat.lights import lit, middle_of, places
from tests.flat.raft import CAMERA, FILTER, PIPELINES, PROFILE, RADII, SLOPE, flats, ids, make, raft, run

DETECTORS = tuple(range(9))
SWAPPED = (3, 8)
CHOSEN = (3, 4, 8)
"""Detectors that are verified: the two, and one that is not concerned."""
CHOSEN_ONLY = f" AND detector IN ({','.join(map(str, CHOSEN))})"
PLAIN = "run/plain"
WHERE = f" AND physical_filter='{FILTER}'"
LIGHT = FlatGradient(np.array(RADII), np.array(PROFILE), slope=SLOPE)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Return the folder and the truth of flats, and of others among which two detectors are exchanged."""
    root = tmp_path_factory.mktemp("raft")
    swap = {"fault": "swapped-detector", "set": "swapped", "index": [0, 1, 2, 3, 4]}
    specification = raft(
        flats(),
        flats("swapped", 5),
        faults=({**swap, "detector": SWAPPED[0], "other": SWAPPED[1]},),
    )
    return root, make(root, specification)


@pytest.fixture(scope="module")
def butler(night) -> Iterator[Butler]:
    """Return the repository after the flats were made, with a bias and a dark of nothing."""
    root, truth = night
    with open_butler(root / "repo", writeable=True) as one:
        put_plain(one)
        run(one, "flatMultiChip", ids(truth, "flat"), (PLAIN,), where=WHERE, name="first")
        yield one


def put_plain(butler: Butler) -> None:
    """Store a bias and a dark of nothing for each detector."""
    butler.collections.register(PLAIN)
    for name in ("bias", "dark"):
        butler.registry.registerDatasetType(
            DatasetType(
                name,
                ("instrument", "detector"),
                "MaskedImageV2",
                universe=butler.dimensions,
                isCalibration=True,
            )
        )
        for detector in DETECTORS:
            shape = layout_of(LSSTCOMCAM, detector).image_shape
            zeros = np.zeros(shape, np.float32)
            cards = {"LSST ISR UNITS": "electron", "DETECTOR": detector}
            image = CalibrationImage(zeros, zeros.astype(np.uint16), zeros, cards)
            data_id = {"instrument": CAMERA, "detector": detector}
            butler.put(masked_image(image), name, data_id, run=PLAIN)


def of(butler: Butler, name: str, run_name: str = "first", **data_id):
    return butler.get(
        name, instrument=CAMERA, physical_filter=FILTER, collections=f"run/{run_name}", **data_id
    )


def test_one_calibration_is_made_for_the_focal_plane_and_for_each_detector(butler):
    for name, number in {"flat": 9, "flat_uncorrected": 9, "flatLevels": 9, "flatBinned": 9}.items():
        refs = butler.query_datasets(name, collections="run/first")
        assert {ref.dataId["detector"] for ref in refs} == set(range(number))
    for name in ("flatScales", "flatGradient"):
        (ref,) = butler.query_datasets(name, collections="run/first")
        assert set(ref.dataId.dimensions.required) == {"instrument", "physical_filter"}


def test_the_lamp_is_told_from_the_detectors(night, butler):
    """Rates of the lamp as the night drew them; what is left is photon noise of a detector's pixels."""
    scales: Table = of(butler, "flatScales")
    assert len(scales) == 9 * 8
    pixels = np.prod(layout_of(LSSTCOMCAM, 0).image_shape)
    error = 1.0 / np.sqrt(20_000.0 * pixels)
    residual = np.asarray(scales["residual"])
    assert residual.std() == pytest.approx(error, rel=0.3)  # 72 numbers less 16 that were fitted
    assert np.ptp(np.unique(scales["exp_scale"])) > 0.01 * 20_000.0  # a lamp that jitters by 2 %


def test_the_light_of_the_screen_is_recovered(butler):
    gradient = gradient_from_table(of(butler, "flatGradient"))
    table: Table = of(butler, "flatGradient")
    bins = lit(places(LSSTCOMCAM, 12), LIGHT)
    profile = gradient.values * middle_of(bins, 25.0)
    # Tolerances of cp_pipe's test: 1e-3 for the profile; 1e-4 per mm at 5.2 mm from the middle is 6e-6 at 90.
    np.testing.assert_allclose(profile, PROFILE, atol=1e-3)
    np.testing.assert_allclose(gradient.slope, SLOPE, atol=1e-4 * 5.2 / 90.0)
    # And within its own error: bins of 14 pixels a side scatter by 0.6 % of response and 0.25 % of photons.
    noise = np.hypot(0.006, 0.0025) / 14.0
    assert float(table["MEDIAN_RESIDUAL"][0][0]) == pytest.approx(0.6745 * noise, rel=0.3)
    spread = np.sqrt((bins.x**2).sum())
    np.testing.assert_allclose(gradient.slope, SLOPE, atol=4 * 1.2533 * noise / spread)


def test_flats_keep_the_profile_and_lose_the_slope(butler):
    gradient = gradient_from_table(of(butler, "flatGradient"))
    for detector in DETECTORS:
        flat = calibration_image(of(butler, "flat", detector=detector))
        before = calibration_image(of(butler, "flat_uncorrected", detector=detector))
        shape = flat.image.shape
        middle = (
            slice(shape[0] // 2 - 20, shape[0] // 2 + 20),
            slice(shape[1] // 2 - 20, shape[1] // 2 + 20),
        )
        assert flat.metadata["LSST CALIB RUN FLATGRADIENT"] == "run/first"
        assert flat.metadata["OBSTYPE"] == "flat"
        assert len([key for key in flat.metadata if key.startswith("CPP_INPUT_SCALE_")]) == 8
        place = np.array(_centre(detector))
        expected = gradient.radial(*place[:, np.newaxis])[0]
        assert np.median(flat.image[middle]) == pytest.approx(expected, abs=4 * 1.25 * 0.0065 / 40)
        ratio = np.median(flat.image[middle] / before.image[middle])
        plane = gradient.plane(*place[:, np.newaxis])[0] / gradient.normalization
        assert ratio == pytest.approx(plane, rel=1e-3)


def _centre(detector: int) -> tuple[float, float]:
    y, x = divmod(detector, 3)
    return (x - 1) * 42.25, (y - 1) * 42.25


def verified(butler: Butler, exposures: list[int], candidate: str, *former: str) -> Verdict:
    """Verify four flats by the policy of the camera."""
    outcome = run(
        butler,
        "verifyFlatMultiChip",
        exposures,
        (f"run/{candidate}", *former, PLAIN),
        where=f"{WHERE}{CHOSEN_ONLY}",
        name=f"verify-{candidate}",
    )
    records = [
        DetectorStatistics.model_validate(butler.get(ref)) for ref in outcome.outputs["verifyFlatStatistics"]
    ]
    refs = butler.query_datasets("flat", collections=f"run/{candidate}")
    candidates = {
        int(ref.dataId["detector"]): str(ref.id) for ref in refs if ref.dataId["detector"] in CHOSEN
    }
    return evaluate(records, builtin_policy(CAMERA), calibration=f"flat-{FILTER}", candidates=candidates)


def test_good_flats_are_verified_without_any_before_them(night, butler):
    verdict = verified(butler, ids(night[1], "flat")[:2], "first")
    assert not verdict.failures
    assert verdict.outcome is VerdictOutcome.VERIFIED
    unknown = [one for one in verdict.warnings if one.test == "DETECTOR_KNOWN"]
    assert {one.detector for one in unknown} == set(CHOSEN)


def test_a_swapped_detector_fails_by_name(night, butler):
    """All flats of a set have two detectors exchanged, under right headers: each alone looks in order."""
    exposures = ids(night[1], "swapped")
    time.sleep(1.0)  # the flat under test is the one made last, to the second
    run(butler, "flatMultiChip", exposures, (PLAIN,), where=f"{WHERE}{CHOSEN_ONLY}", name="swapped")
    verdict = verified(butler, exposures[:2], "swapped", "run/first")
    assert verdict.outcome is VerdictOutcome.FAILED
    named = [one for one in verdict.failures if one.test == "DETECTOR_IDENTITY"]
    assert {one.detector for one in named} == set(SWAPPED)
    assert all(one.outcome is Outcome.FAIL and one.value is not None for one in named)
    # Without correlation: within five errors of a correlation of so few pixels.
    assert all(abs(float(one.value or 0.0) - 1.0) < 0.05 for one in named)
    assert {one.detector for one in verdict.failures} == set(SWAPPED)


def test_flats_of_two_colours_are_merged(butler):
    """Made by flatBlue and flatRed, whose graphs are those of flatMultiChip under other names."""
    first = calibration_image(of(butler, "flat", detector=4))
    data_id = {"instrument": CAMERA, "physical_filter": FILTER, "detector": 4}
    butler.collections.register("run/colours-in")
    for name, factor in (("flat_blue", np.float32(0.96)), ("flat_red", np.float32(1.04))):
        made = Pipeline.fromFile(str(PIPELINES / f"flat{name[5:].capitalize()}.yaml")).to_graph(
            butler.registry
        )
        assert {name, f"{name}_uncorrected", "flatGradient"} <= set(made.dataset_types)
        assert "flat" not in made.dataset_types
        butler.registry.registerDatasetType(made.dataset_types[name].dataset_type)
        image = replace(first, image=first.image * factor)
        butler.put(masked_image(image), name, data_id, run="run/colours-in")
    where = f"instrument='{CAMERA}' AND detector=4{WHERE}"
    request = PipelineRequest(
        PIPELINES / "flatColours.yaml", where, ("run/colours-in",), "chain/colours", "run/colours"
    )
    run_pipeline(butler, request)
    merged = calibration_image(of(butler, "flat", "colours", detector=4))
    np.testing.assert_allclose(merged.image, first.image, rtol=1e-5)
