"""From simulated raws to a sky frame and its verdict, through the pipelines that people run."""

from collections.abc import Iterator

import numpy as np
import pytest
from lsst.daf.butler import Butler

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image
from infra.butler.repository import open_butler
from infra.settings import builtin_policy
from infra.simulator import load_night_spec
from infra.simulator.specification import NightSpec
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.crosstalk.pipelines import PIPELINES, make

FILTER = "SDSSr_65mm~empty"
DATA_ID = {"instrument": "LATISS", "detector": 0, "physical_filter": FILTER}
CALIBRATIONS = ("run/bias", "run/dark", "run/flat")
STRUCTURE = 0.01
MESH = 32
COUNTS = {"bias": 6, "dark": 6, "flat-y": 8, "fringe": 8, "fringe-2": 3}


def specification() -> NightSpec:
    """Return the night of fringes in a band without any, under a sky with structure of its own."""
    plain = load_night_spec("fringe").model_dump(mode="json", exclude_defaults=True)
    for one in plain["sets"]:
        one["count"] = COUNTS[one["name"]]
        if one["name"] not in ("bias", "dark"):
            one["filter"] = FILTER
        if "sky" in one:
            one["sky"] = {"level": 3000.0, "structure": STRUCTURE}
            one["stars"] = {"count": 20}
    del plain["camera"]["illumination"], plain["camera"]["fringes"]
    return NightSpec.model_validate(plain)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Return the folder and the truth."""
    root = tmp_path_factory.mktemp("skies")
    return root, make(root, specification())


@pytest.fixture(scope="module")
def butler(night) -> Iterator[Butler]:
    """Return the repository after the sky frame has been made."""
    root, truth = night
    with open_butler(root / "repo", writeable=True) as one:
        execute(one, "bias", ids(truth, "bias"))
        execute(one, "dark", ids(truth, "dark"), ("run/bias",))
        execute(one, "flat", ids(truth, "flat-y"), ("run/bias", "run/dark"))
        execute(one, "sky", ids(truth, "fringe"), CALIBRATIONS, **{"skyMeasure:mesh": str(MESH)})
        yield one


def ids(truth, name):
    return [one.exposure for one in truth.exposures_of(name)]


def execute(butler, pipeline, exposures, inputs=(), **overrides):
    """Run a pipeline on exposures, in a RUN of its name."""
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        f"instrument='LATISS' AND exposure IN ({','.join(map(str, exposures))})",
        (*inputs, "LATISS/raw/all"),
        f"chain/{pipeline}",
        f"run/{pipeline}",
        overrides,
    )
    return run_pipeline(butler, request)


@pytest.fixture(scope="module")
def sky(butler):
    return calibration_image(butler.get("sky", DATA_ID, collections="run/sky"))


def test_the_sky_frame_is_the_true_structure(night, sky):
    """In blocks of the size of the cells; a cell of 1024 pixels of 8 skies has a noise of 2e-4."""
    truth = STRUCTURE * night[1].image("sky-structure")
    ny, nx = truth.shape
    inside = (slice(0, ny // MESH * MESH), slice(0, nx // MESH * MESH))

    def blocks(image):
        return image[inside].reshape(ny // MESH, MESH, nx // MESH, MESH).mean(axis=(1, 3))

    found, expected = blocks(sky.image), blocks(truth)
    deviation = (found - found.mean()) - (expected - expected.mean())
    # The flat's noise, 3e-3 a pixel, gives 1e-4; faint stars that no one sees add as much again.
    assert deviation.std() < 0.1 * STRUCTURE
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert abs(found.mean()) < 0.1 * STRUCTURE


def test_the_frame_is_stored_as_sky_with_its_inputs(night, sky, butler):
    cards = sky.metadata
    assert (cards["OBSTYPE"], cards["INSTRUME"], cards["BUNIT"]) == ("SKY", "LATISS", "")
    exposures = night[1].exposures_of("fringe")
    assert [cards[f"CPP_INPUT_{i}"] for i in range(len(exposures))] == [one.exposure for one in exposures]
    for i, one in enumerate(exposures):
        # The flat's mean and the wings of stars are known to 2 %.
        assert cards[f"CPP_INPUT_SCALE_{i}"] == pytest.approx(one.sky_level, rel=0.03)
    assert cards["LSST CALIB RUN FLAT"] == "run/flat"
    assert butler.get_dataset_type("sky").isCalibration()
    assert len(butler.get("skyScales", DATA_ID, collections="run/sky")) == len(exposures)


def test_held_out_skies_are_flat_under_the_sky_frame(night, butler):
    truth = night[1]
    exposures = [*ids(truth, "fringe"), *ids(truth, "fringe-2")]
    outcome = execute(butler, "verifySky", exposures, ("run/sky", *CALIBRATIONS))
    (ref,) = outcome.outputs["verifySkyStatistics"]
    assert outcome.outputs["verifySkyResiduals"]
    record = DetectorStatistics.model_validate(butler.get(ref))
    (candidate,) = butler.query_datasets("sky", collections="run/sky")
    verdict = evaluate(
        [record], builtin_policy("LATISS"), calibration="sky-r", candidates={0: str(candidate.id)}
    )
    assert verdict.outcome is VerdictOutcome.VERIFIED, verdict.failures
    for one in record.exposures:
        assert one.detector["SKY_BEFORE"] > 0.3 * STRUCTURE
        assert one.detector["SKY_RESIDUAL"] < 0.3 * one.detector["SKY_BEFORE"]
