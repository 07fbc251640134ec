"""From simulated raws to a fringe frame and its verdict, through the pipelines that people run."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from lsst.daf.butler import Butler

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image, masked_image
from infra.butler.repository import open_butler
from infra.settings import builtin_policy
from infra.simulator import load_night_spec
from infra.simulator.specification import NightSpec
from tasks.combine.pipeline_task import corrected
from tasks.combine.raw_inputs import raw_inputs
from tasks.combine.smooth_sky import SkySettings
from tasks.fringe.algorithm import without_sky
from tasks.isr.calibrations import Calibrations
from tasks.isr.steps import steps_for
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.combine.exposures import exposure
from tests.crosstalk.pipelines import PIPELINES, make, run

FILTER = "SDSSy_65mm~empty"
DATA_ID = {"instrument": "LATISS", "detector": 0, "physical_filter": FILTER}
CALIBRATIONS = ("run/bias", "run/dark", "run/flat")


def specification() -> NightSpec:
    """Return the night of fringes with fewer exposures, and three more whose fringes have moved."""
    plain = load_night_spec("fringe").model_dump(mode="json", exclude_defaults=True)
    counts = {"bias": 6, "dark": 6, "flat-y": 6, "fringe": 10, "fringe-2": 3}
    for one in plain["sets"]:
        one["count"] = counts[one["name"]]
    moved = next(one for one in plain["sets"] if one["name"] == "fringe-2") | {"name": "moved"}
    plain["sets"].append(moved)
    plain["faults"] = [{"fault": "fringe-shifted", "set": "moved", "index": [0, 1, 2], "phase": 0.25}]
    return NightSpec.model_validate(plain)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Return the folder and the truth."""
    root = tmp_path_factory.mktemp("fringes")
    return root, make(root, specification())


@pytest.fixture(scope="module")
def butler(night) -> Iterator[Butler]:
    """Return the repository after the fringe frame has been made."""
    root, truth = night
    with open_butler(root / "repo", writeable=True) as one:
        run(one, "bias", ids(truth, "bias"))
        run(one, "dark", ids(truth, "dark"), ("run/bias",))
        run(one, "flat", ids(truth, "flat-y"), ("run/bias", "run/dark"))
        run(one, "fringe", ids(truth, "fringe"), CALIBRATIONS)
        yield one


def ids(truth, name):
    return [one.exposure for one in truth.exposures_of(name)]


@pytest.fixture(scope="module")
def fringe(butler):
    return calibration_image(butler.get("fringe", DATA_ID, collections="run/fringe"))


def test_the_fringe_frame_is_the_true_pattern(night, fringe):
    """In units of the sky: the mean amplitude of the inputs, and beyond it noise alone."""
    truth = night[1]
    pattern = truth.image(f"fringe-{FILTER}").astype(np.float32)
    flat = without_sky(exposure(1.0 + 0.01 * pattern), SkySettings(n_sigma=99.0), "truth").image / 0.01
    good = fringe.mask == 0
    assert good.mean() > 0.97
    amplitude = (fringe.image[good] @ flat[good]) / (flat[good] @ flat[good])
    expected = [one.fringe_amplitude for one in truth.exposures_of("fringe")]
    # The clipped mean of amplitudes that scatter by a fifth may differ from their mean by its error.
    error = np.sqrt(np.mean(fringe.variance[good]) / (flat[good] @ flat[good]))
    spread = np.std(expected) / np.sqrt(len(expected))
    assert amplitude == pytest.approx(np.mean(expected), abs=5 * error + spread)
    left = fringe.image[good] - amplitude * flat[good]
    assert np.corrcoef(left, flat[good])[0, 1] == pytest.approx(0.0, abs=1e-3)
    # Photons and readout of ten skies; of six flats of 20000 electron, darks of half the time, and biases,
    # whose noise is in all skies alike. Clipped means scatter by more than means, and by less than medians.
    level, read_noise = 3000.0, 8.0
    own = (level + read_noise**2) / level**2 / 10
    common = 1 / 20000 / 6 + (2 * read_noise / level) ** 2 / 6 + (read_noise / level) ** 2 / 6
    robust = np.subtract(*np.percentile(left, [75, 25])) / 1.349
    assert 0.98 < robust / np.sqrt(own + common) < 1.25


def test_the_frame_is_stored_as_fringe_with_its_inputs(night, fringe, butler):
    cards = fringe.metadata
    assert (cards["OBSTYPE"], cards["INSTRUME"], cards["BUNIT"]) == ("fringe", "LATISS", "")
    assert [cards[f"CPP_INPUT_{i}"] for i in range(10)] == ids(night[1], "fringe")
    for i, one in enumerate(night[1].exposures_of("fringe")):
        # The flat has mean 1 over the detector, and faint stars raise the sky by less than 2 %.
        assert cards[f"CPP_INPUT_SCALE_{i}"] == pytest.approx(one.sky_level, rel=0.03)
    assert cards["LSST CALIB RUN FLAT"] == "run/flat"
    (ref,) = butler.query_datasets("fringe", collections="run/fringe")
    assert butler.get_dataset_type("fringe").isCalibration()
    assert ref.datasetType.storageClass_name == "MaskedImageV2"


def verified(butler, truth, *sets, candidate="run/fringe"):
    """Return the record of a verification on sets of exposures, in a RUN of its own."""
    exposures = ",".join(str(one) for name in sets for one in ids(truth, name))
    name = "-".join((*sets, candidate.rpartition("/")[2]))
    request = PipelineRequest(
        PIPELINES / "verifyFringe.yaml",
        f"instrument='LATISS' AND exposure IN ({exposures})",
        (candidate, *CALIBRATIONS, "LATISS/raw/all"),
        f"chain/verify-{name}",
        f"run/verify-{name}",
    )
    outcome = run_pipeline(butler, request)
    (ref,) = outcome.outputs["verifyFringeStatistics"]
    assert outcome.outputs["verifyFringeResiduals"]
    return DetectorStatistics.model_validate(butler.get(ref))


def verdict_on(butler, record):
    (candidate,) = butler.query_datasets("fringe", collections="run/fringe")
    return evaluate(
        [record], builtin_policy("LATISS"), calibration="fringe-y", candidates={0: str(candidate.id)}
    )


def test_held_out_frames_are_freed_of_fringes_to_the_photon_noise(night, butler):
    truth = night[1]
    record = verified(butler, truth, "fringe", "fringe-2")
    verdict = verdict_on(butler, record)
    assert verdict.outcome is VerdictOutcome.VERIFIED, verdict.failures
    mean = np.mean([one.fringe_amplitude for one in truth.exposures_of("fringe")])
    true = {one.exposure: one for one in truth.exposures}
    for one in record.exposures:
        values = one.detector
        assert values["FRINGE_RESIDUAL"] < 0.1
        assert values["FRINGE_BEFORE"] > 0.5
        # The amplitude is that of this exposure over the mean one, within five errors and the mean's own.
        expected = true[one.exposure].fringe_amplitude / mean * true[one.exposure].sky_level
        error = 5 * values["FRINGE_AMPLITUDE_ERROR"] + 0.05 * expected
        assert values["FRINGE_AMPLITUDE"] == pytest.approx(expected, abs=error)


def test_fringes_that_have_moved_make_the_frame_stale_and_it_fails_by_name(night, butler):
    record = verified(butler, night[1], "moved")
    names = {failure.test for failure in verdict_on(butler, record).failures}
    assert {"FRINGE_RESIDUAL", "FRINGE_CORRELATION"} <= names


def test_a_frame_of_noise_is_a_result_and_no_accident(night, butler, fringe):
    """It cannot be fitted: every amplifier fails PROCESSING, with the reason."""
    noise = np.random.default_rng(1).normal(0.0, 0.02, fringe.image.shape).astype(np.float32)
    wrong = replace(fringe, image=noise, variance=np.full_like(noise, 0.02**2))
    butler.collections.register("run/noise")
    butler.put(masked_image(wrong), "fringe", DATA_ID, run="run/noise")
    record = verified(butler, night[1], "fringe-2", candidate="run/noise")
    verdict = evaluate([record], builtin_policy("LATISS"), calibration="fringe-y")
    reasons = {one.reason for one in verdict.failures if one.test == "PROCESSING"}
    assert any("is noise" in reason for reason in reasons)
    assert "PATTERN" in {one.test for one in verdict.failures}


def test_the_corrections_subtract_the_fringes_on_their_own(night, butler, fringe):
    """The step of the chain, with its cards: it flags no sources, and leaves blocks with stars out."""
    one = night[1].exposures_of("fringe-2")[0]
    (ref,) = butler.query_datasets(
        "raw",
        collections="LATISS/raw/all",
        where=f"instrument='LATISS' AND exposure={one.exposure}",
        with_dimension_records=True,
    )
    (raw,) = raw_inputs([butler.getDeferred(ref)])
    images = {
        name: calibration_image(butler.get(name, DATA_ID, collections=f"run/{name}"))
        for name in ("bias", "dark", "flat")
    }
    done = corrected(raw, steps_for("verifyFringe", "LATISS"), Calibrations(**images, fringe=fringe))
    assert done.metadata["LSST ISR FRINGE APPLIED"] is True
    mean = np.mean([each.fringe_amplitude for each in night[1].exposures_of("fringe")])
    expected = one.fringe_amplitude / mean * one.sky_level
    error = 5 * done.metadata["LSST ISR FRINGE AMPLITUDE ERROR"] + 0.05 * expected
    assert done.metadata["LSST ISR FRINGE AMPLITUDE"] == pytest.approx(expected, abs=error)
