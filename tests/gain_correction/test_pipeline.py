"""The correction of gains in a real repository: two flats of one filter, what is stored, its verification."""

from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import CollectionType, DatasetType, Timespan
from lsst.pipe.base import Pipeline

import deployments
from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import masked_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError, RepositoryError
from infra.instruments.class_names import instrument_class_name
from tasks.combine.priors import calibrations_of
from tasks.gain_correction.algorithm import from_table
from tasks.verification.model import DetectorStatistics
from tests.gain_correction.flats import NAMES, curve_table, factors, flat, light

PIPELINES = Path(deployments.__file__).parent / "pipelines"
RED, GREEN = "SDSSr_65mm~empty", "SDSSg_65mm~empty"
HERE = {"instrument": "LATISS", "detector": 0}
FLAT_TYPES = ("flat", "flat_gain_correction")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Repository with a curve, flats in use of two filters and a new one of one of them."""
    path = tmp_path_factory.mktemp("gains") / "repo"
    create_repository(path)
    with open_butler(path, writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        for name in (*FLAT_TYPES, "ptc"):
            dims = ("instrument", "detector", "physical_filter")[: 2 if name == "ptc" else 3]
            kind = "AstropyTable" if name == "ptc" else "MaskedImageV2"
            one = DatasetType(name, dims, kind, universe=butler.dimensions, isCalibration=True)
            butler.registry.registerDatasetType(one)
        for run in ("run/old", "run/new", "run/other", "run/ptc"):
            butler.collections.register(run)
        curve = butler.put(curve_table(), "ptc", run="run/ptc", **HERE)
        reference = flat(light(), noise=0.001, seed=1)
        for physical_filter in (RED, GREEN):
            put(butler, "flat", reference, physical_filter, "run/old")
        cards = {"LSST CALIB UUID PTC": str(curve.id)}
        moved = factors({1: 1.006, 3: 1 / 1.002, 6: 1 / 0.998})
        put(butler, FLAT_TYPES[1], flat(light(), moved, noise=0.001, **cards), RED, "run/new")
        cards = {"LSST CALIB UUID PTC": "another"}
        put(butler, FLAT_TYPES[1], flat(light(), **cards), "SDSSi_65mm~empty", "run/other")
        put(butler, FLAT_TYPES[1], flat(light(), **cards), GREEN, "run/other")
    return path


@pytest.fixture
def butler(root):
    with open_butler(root, writeable=True) as one:
        yield one


def put(butler, name, image, physical_filter, run):
    return butler.put(masked_image(image), name, run=run, physical_filter=physical_filter, **HERE)


def run(butler, pipeline, inputs, name, **overrides):
    label = Path(pipeline).name
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        "instrument='LATISS'",
        tuple(inputs),
        f"chain/{name}",
        f"made/{name}",
        {f"{label}:{key}": value for key, value in overrides.items()},
    )
    return run_pipeline(butler, request).outputs


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return a pipeline of the second task only, as for a flat that is there already."""
    path = tmp_path_factory.mktemp("pipeline") / "gainCorrection.yaml"
    path.write_text(
        "description: alone\ntasks:\n  gainCorrection:\n"
        "    class: tasks.gain_correction.pipeline_task.GainCorrectionTask\n"
    )
    return path.with_suffix("")


@pytest.fixture(scope="module")
def made(root, alone):
    with open_butler(root, writeable=True) as butler:
        (ref,) = run(butler, str(alone), ("run/new", "run/old", "run/ptc"), "gains")["gain_correction"]
        return ref, butler.get(ref)


def test_the_table_comes_back_with_factors_and_provenance(butler, made):
    ref, table = made
    assert set(ref.dataId.required) == {"instrument", "detector"}
    found = from_table(table)
    expected = factors({1: 1.006, 3: 1 / 1.002, 6: 1 / 0.998})
    # 250 bins of 0.02 %: 2e-5, with a profile of 20 nodes ten times that
    np.testing.assert_allclose([found.adjustments[name] for name in NAMES], expected, atol=2e-4)
    cards = table.meta
    assert cards["OBSTYPE"] == "gainCorrection"
    assert (cards["INSTRUME"], cards["DETECTOR"], cards["FILTER"]) == ("LATISS", 0, RED)
    assert cards["CPP_INPUT_4"] == 2024031800004
    assert cards["SEQNAME"] == "FP_ITL_2s_ir2_v25.seq"
    assert cards["LSST CALIB RUN FLAT"] == "run/old"
    assert cards["LSST CALIB RUN FLAT_GAIN_CORRECTION"] == "run/new"
    curve = butler.find_dataset("ptc", HERE, collections="run/ptc")
    assert cards["LSST CALIB UUID PTC"] == str(curve.id)


def test_the_corrections_take_it(made):
    calibrations = calibrations_of({"gain_correction": made[1]})
    assert calibrations.gain_correction[NAMES[1]] == pytest.approx(1.006, abs=2e-4)


def test_a_certified_flat_in_use_serves_as_well(butler, alone):
    butler.collections.register("calib/one", CollectionType.CALIBRATION)
    refs = [
        butler.find_dataset("flat", HERE, physical_filter=RED, collections="run/old"),
        butler.find_dataset("ptc", HERE, collections="run/ptc"),
    ]
    butler.registry.certify("calib/one", refs, Timespan(None, None))
    (ref,) = run(butler, str(alone), ("run/new", "calib/one"), "certified")["gain_correction"]
    assert butler.get(ref).meta["LSST CALIB UUID FLAT"] == str(refs[0].id)


def test_without_a_flat_in_use_of_the_same_filter_there_is_an_error(butler, alone):
    inputs, wanted = ("run/other", "run/old", "run/ptc"), "SDSSi_65mm~empty"
    with pytest.raises(CalprodError, match=rf"there is none, only of {GREEN} and of {RED}"):
        run(butler, str(alone), inputs, "none", physical_filter=wanted)


def test_of_new_flats_in_several_filters_one_must_be_named(butler, alone):
    with pytest.raises(CalprodError, match="say which with physical_filter"):
        run(butler, str(alone), ("run/other", "run/old", "run/ptc"), "several")


def test_a_flat_made_with_other_gains_is_refused(butler, alone):
    with pytest.raises(RepositoryError, match="was made with the gains of ptc another"):
        run(butler, str(alone), ("run/other", "run/old", "run/ptc"), "foreign", physical_filter=GREEN)


def test_verification_reads_the_same_flats(butler, made):
    inputs = ("made/gains", "run/new", "run/old")
    (ref,) = run(butler, "verifyGainCorrection", inputs, "verify")["verifyGainCorrectionStatistics"]
    record = DetectorStatistics.model_validate(butler.get(ref))
    assert record.calibration_uuids["gain_correction"] == str(made[0].id)
    assert record.n_inputs == 5
    assert record.product_detector["STEP"] < record.product_detector["STEP_BEFORE"] / 5
    assert record.product_amplifiers[NAMES[1]]["CHANGE"] == pytest.approx(0.006, abs=2e-4)


def test_the_shipped_pipeline_combines_the_new_flat_first():
    graph = Pipeline.from_uri(PIPELINES / "gainCorrection.yaml").to_graph()
    assert set(graph.tasks) == {"flatGainCorrection", "gainCorrection"}
    first, second = graph.tasks["flatGainCorrection"], graph.tasks["gainCorrection"]
    assert {edge.dataset_type_name for edge in first.outputs.values()} == {"flat_gain_correction"}
    assert {edge.dataset_type_name for edge in second.inputs.values()} == {"flat_gain_correction"}
    assert {edge.dataset_type_name for edge in second.prerequisite_inputs.values()} == {"flat", "ptc"}
