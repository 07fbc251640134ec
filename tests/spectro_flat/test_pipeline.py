"""The flat of a spectrograph in a real repository: the flat taken, what is stored, its verification."""

from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from lsst.daf.butler import CollectionType, DatasetType, Timespan

import deployments
from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image, masked_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError, RepositoryError
from infra.images import MaskPlane
from infra.instruments.class_names import instrument_class_name
from infra.settings import builtin_policy
from tasks.spectro_flat.pipeline_task import SpectroFlatTask
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics
from tests.spectro_flat.flats import GAINS, LAYOUT, NAMES, combined, pixels, ptc

PIPELINES = Path(deployments.__file__).parent / "pipelines"
WHITE, RED = "empty~empty", "RG610~empty"
HERE = {"instrument": "LATISS", "detector": 0}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Repository with flats of two filters in one RUN, and a curve with a bad amplifier in another."""
    path = tmp_path_factory.mktemp("spectro") / "repo"
    create_repository(path)
    with open_butler(path, writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        for name, dims, kind in (
            ("flat", ("instrument", "detector", "physical_filter"), "MaskedImageV2"),
            ("ptc", ("instrument", "detector"), "AstropyTable"),
        ):
            one = DatasetType(name, dims, kind, universe=butler.dimensions, isCalibration=True)
            butler.registry.registerDatasetType(one)
        for run in ("run/flat", "run/red", "run/old", "run/ptc"):
            butler.collections.register(run)
        bad = [(slice(20, 30), slice(140, 150))]
        put_flat(butler, combined(bad=bad), WHITE, "run/flat")
        for run in ("run/flat", "run/red"):
            put_flat(butler, combined(seed=5), RED, run)
        put_flat(butler, combined(pixels(9), seed=7), WHITE, "run/old")
        butler.put(ptc(bad=("C17",)), "ptc", run="run/ptc", **HERE)
    return path


@pytest.fixture
def butler(root):
    with open_butler(root, writeable=True) as one:
        yield one


def put_flat(butler, image, physical_filter, run):
    return butler.put(masked_image(image), "flat", run=run, physical_filter=physical_filter, **HERE)


def run(butler, pipeline, inputs, name, **overrides):
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        "instrument='LATISS'",
        tuple(inputs),
        f"chain/{name}",
        f"made/{name}",
        {f"{pipeline}:{key}": value for key, value in overrides.items()},
    )
    return run_pipeline(butler, request).outputs


def flat_uuid(butler, physical_filter, where):
    return str(butler.find_dataset("flat", HERE, physical_filter=physical_filter, collections=where).id)


@pytest.fixture(scope="module")
def made(root):
    with open_butler(root, writeable=True) as butler:
        (ref,) = run(butler, "spectroFlat", ("run/flat", "run/ptc"), "spectroFlat")["spectroFlat"]
        return ref, calibration_image(butler.get(ref))


def test_the_flat_of_the_configured_filter_is_taken_and_named(butler, made):
    ref, image = made
    assert set(ref.dataId.required) == {"instrument", "detector"}
    cards = image.metadata
    assert cards["OBSTYPE"] == "spectroFlat"
    assert cards["FILTER"] == WHITE
    assert cards["LSST CALIB RUN FLAT"] == "run/flat"
    assert cards["LSST CALIB UUID FLAT"] == flat_uuid(butler, WHITE, "run/flat")
    assert cards["LSST CALIB UUID PTC"] == str(butler.find_dataset("ptc", HERE, collections="run/ptc").id)
    assert cards["CPP_INPUT_9"] == 2024031800009
    assert cards["SEQNAME"] == "FP_ITL_2s_ir2_v25.seq"
    mean = np.mean([gain for name, gain in GAINS.items() if name != "C17"])
    assert cards["LSST CP SPECTROFLAT GAIN MEAN"] == pytest.approx(mean)
    assert cards["LSST CP SPECTROFLAT GAIN C10"] == pytest.approx(GAINS["C10"] / mean)
    assert "LSST CP SPECTROFLAT GAIN C17" not in cards
    assert cards["CALPROD SPECTROFLAT BAD C17"] == "it has no gain"
    assert cards["LSST CALIB SPECTROFLAT C10 BADPIX-NUM"] == 0
    assert not any(key.startswith("LSST CALIB FLAT ") for key in cards)


def test_planes_come_back_from_the_file(made):
    _, image = made
    bad = image.mask & np.uint16(MaskPlane.BAD) != 0
    assert bad[20:30, 140:150].all()
    assert bad[LAYOUT.amplifier("C17").image_box.slices].all()
    assert np.count_nonzero(bad) == 100 + 120 * 200
    assert np.isfinite(image.image).all()
    assert (image.variance[~bad] > 0).all()


def test_another_filter_may_be_configured(butler):
    (ref,) = run(butler, "spectroFlat", ("run/flat", "run/ptc"), "red", physical_filter=RED)["spectroFlat"]
    assert calibration_image(butler.get(ref)).metadata["FILTER"] == RED


def test_the_run_searched_first_wins(butler):
    for order in (("run/flat", "run/old"), ("run/old", "run/flat")):
        name = f"order-{order[0][4:]}"
        (ref,) = run(butler, "spectroFlat", (*order, "run/ptc"), name)["spectroFlat"]
        assert calibration_image(butler.get(ref)).metadata["LSST CALIB RUN FLAT"] == order[0]


def test_a_certified_flat_serves_as_well_as_one_in_a_run(butler):
    butler.collections.register("calib/one", CollectionType.CALIBRATION)
    flat = butler.find_dataset("flat", HERE, physical_filter=WHITE, collections="run/old")
    curve = butler.find_dataset("ptc", HERE, collections="run/ptc")
    butler.registry.certify("calib/one", [flat, curve], Timespan(None, None))
    (ref,) = run(butler, "spectroFlat", ("calib/one",), "certified")["spectroFlat"]
    assert calibration_image(butler.get(ref)).metadata["LSST CALIB UUID FLAT"] == str(flat.id)
    # A RUN before the collection wins over it.
    (ref,) = run(butler, "spectroFlat", ("run/flat", "calib/one"), "pinned")["spectroFlat"]
    assert calibration_image(butler.get(ref)).metadata["LSST CALIB RUN FLAT"] == "run/flat"


def test_two_certified_flats_are_an_error_unless_one_is_searched_first(butler):
    butler.collections.register("calib/two", CollectionType.CALIBRATION)
    middle = Time("2024-01-01T12:00:00", scale="tai")
    for where, span in (("run/old", Timespan(None, middle)), ("run/flat", Timespan(middle, None))):
        flat = butler.find_dataset("flat", HERE, physical_filter=WHITE, collections=where)
        butler.registry.certify("calib/two", [flat], span)
    with pytest.raises(RepositoryError, match=rf"more than one flat of {WHITE} is certified"):
        run(butler, "spectroFlat", ("calib/two", "run/ptc"), "ambiguous")
    (ref,) = run(butler, "spectroFlat", ("run/old", "calib/two", "run/ptc"), "first")["spectroFlat"]
    assert calibration_image(butler.get(ref)).metadata["LSST CALIB RUN FLAT"] == "run/old"


def test_flats_of_other_filters_only_are_an_error_that_names_them(butler):
    with pytest.raises(CalprodError, match=rf"flat of {WHITE}, and the flat at hand is of {RED}"):
        run(butler, "spectroFlat", ("run/red", "run/ptc"), "wrong")


def test_without_any_flat_there_is_no_work(butler):
    assert not run(butler, "spectroFlat", ("run/ptc",), "none")["spectroFlat"]


def test_run_refuses_a_flat_of_another_filter():
    task = SpectroFlatTask(config=SpectroFlatTask.ConfigClass())
    with pytest.raises(CalprodError, match=rf"flat is of {RED}, and spectroFlat is made from one of {WHITE}"):
        task.run(combined(), ptc(), RED, "LATISS", 0)


def verified(butler, inputs, name):
    (ref,) = run(butler, "verifySpectroFlat", inputs, name)["verifySpectroFlatStatistics"]
    return DetectorStatistics.model_validate(butler.get(ref))


def test_a_good_flat_is_verified_by_the_shipped_policy(butler, made):
    record = verified(butler, ("made/spectroFlat", "run/flat", "run/ptc"), "good")
    assert record.calibration_uuids["spectroFlat"] == str(made[0].id)
    assert record.n_inputs == 10
    verdict = evaluate(
        [record], builtin_policy("LATISS"), calibration="spectroFlat", candidates={0: str(made[0].id)}
    )
    assert {(one.test, one.amplifier) for one in verdict.failures} == {("PROCESSING", "C17")}
    assert {one.amplifier for one in verdict.could_not_run} == {"C17"}
    assert not [one for one in verdict.warnings if one.amplifier != "C17"]


def test_a_stale_flat_fails_by_name(butler, made):
    """Made from a flat with other pixels: it correlates with this one no better than noise."""
    (ref,) = run(butler, "spectroFlat", ("run/old", "run/ptc"), "stale")["spectroFlat"]
    record = verified(butler, ("made/stale", "run/flat", "run/ptc"), "verify-stale")
    verdict = evaluate(
        [record], builtin_policy("LATISS"), calibration="spectroFlat", candidates={0: str(ref.id)}
    )
    failed = {(one.test, one.amplifier) for one in verdict.failures}
    assert failed >= {("FLAT_CORRELATION", name) for name in NAMES if name != "C17"}
    assert {test for test, _ in failed} == {"FLAT_CORRELATION", "PROCESSING"}
