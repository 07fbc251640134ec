"""From simulated raws to corrected ones: gains that are off are found by flats, and put right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import DatasetType

import deployments
from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments import camera
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator.night import simulate_night
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import calibrations_of
from tasks.combine.raw_inputs import raw_inputs
from tasks.gain_correction.algorithm import from_table
from tasks.isr.steps import steps_for
from tasks.ptc.algorithm import solve_curve, to_table
from tests.ptc.curves import exact_measurements
from tests.simulator.nights import QUIET, night

PIPELINES = Path(deployments.__file__).parent / "pipelines"
FILTER = "SDSSr_65mm~empty"
LIGHT = {**QUIET["illumination"], "vignetting": 0.05, "gradient": 0.01, "pixel_response": 0.005}
NIGHT = night(
    {"name": "bias", "type": "bias", "count": 2},
    {"name": "dark", "type": "dark", "count": 2, "exposure_time": 10.0},
    {"name": "flat", "type": "flat", "count": 6, "exposure_time": 4.0, "filter": FILTER},
    camera={**QUIET, "illumination": LIGHT},
    segment={"data_width": 96, "data_height": 160},
)
DAY = 20240318
HERE = {"instrument": "LATISS", "detector": 0}
AMPLIFIERS = camera("LATISS").detector(0).amplifiers
NAMES = [one.name for one in AMPLIFIERS]
ERRORS = np.array([0, 6, -8, 12, 0, 3, -5, 20, -2, 4, -15, 7, 0, -9, 10, 1]) / 1000.0
"""Errors of the gains that are in use."""


def curve(errors):
    """Curve of the sensor's gains, each off by an error."""
    levels = tuple(np.linspace(300, 90_000, 8).tolist())
    gains = {one.name: one.gain * (1 + error) for one, error in zip(AMPLIFIERS, errors, strict=True)}
    return to_table(
        solve_curve(
            one
            for name, gain in gains.items()
            for one in exact_measurements(name, gain=gain, levels=levels, side=1)
        )
    )


def run(butler, pipeline, inputs, first, n, **overrides):
    exposures = ", ".join(str(DAY * 100_000 + first + i) for i in range(n))
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        f"instrument='LATISS' AND exposure IN ({exposures})",
        (*inputs, "LATISS/raw/all"),
        f"chain/{pipeline}",
        f"run/{pipeline}",
        overrides,
    )
    return run_pipeline(butler, request).outputs


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    """Repository with a flat made with the right gains, and the correction of wrong ones."""
    root = tmp_path_factory.mktemp("truth")
    simulate_night(NIGHT, root / "raws")
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as one:
        register_instrument(one, instrument_class_name("LATISS"))
        ingest_raws(one, [root / "raws"])
        kind = ("ptc", ("instrument", "detector"), "AstropyTable")
        one.registry.registerDatasetType(DatasetType(*kind, universe=one.dimensions, isCalibration=True))
        for name, errors in (("run/right", 0 * ERRORS), ("run/wrong", ERRORS)):
            one.collections.register(name)
            one.put(curve(errors), "ptc", run=name, **HERE)
        run(one, "bias", ("run/right",), 1, 2)
        run(one, "dark", ("run/right", "run/bias"), 3, 2)
        zeros = ("run/bias", "run/dark")
        run(one, "flat", ("run/right", *zeros), 5, 3)
        edge = {"gainCorrection:edge": 4, "gainCorrection:radial_nodes": 6}
        run(one, "gainCorrection", ("run/wrong", "run/flat", *zeros), 8, 3, **edge)
        yield one


@pytest.fixture(scope="module")
def table(butler):
    return butler.get("gain_correction", collections="run/gainCorrection", **HERE)


def test_the_errors_of_the_gains_are_found(table):
    """Flats of three exposures of some 10 000 electron: 0.6 % a pixel, 0.1 % a bin of the ratio.

    An amplifier has 209 bins, so that its median is known to 1e-4; the light beside it costs several times
    that. Gains too high by an error make data too high by it.
    """
    found = from_table(table)
    assert not found.reasons
    truth = (1 + ERRORS) / (1 + ERRORS[NAMES.index(found.middle)])
    np.testing.assert_allclose([found.adjustments[name] for name in NAMES], truth, atol=5e-4)


def test_corrected_raws_have_the_levels_of_the_right_gains(butler, table):
    data_id = {**HERE, "exposure": DAY * 100_000 + 10}
    ref = butler.find_dataset("raw", data_id, collections="LATISS/raw/all", dimension_records=True)
    handle = butler.getDeferred(ref)
    steps = steps_for("flat", "LATISS")

    def levels(run, **more):
        curve = butler.get("ptc", collections=run, **HERE)
        zeros = {name: butler.get(name, collections=f"run/{name}", **HERE) for name in ("bias", "dark")}
        raw = next(raw_inputs([handle]))
        wanted = replace(steps, correct_gains=bool(more), optional=steps.optional | {"cti", "bfk"})
        exposure = corrected(raw, wanted, calibrations_of({"ptc": curve, **zeros, **more}))
        boxes = [one.image_box.slices for one in raw.raw.layout.amplifiers]
        return np.array([np.median(exposure.image[box]) for box in boxes]), exposure.metadata

    right, _ = levels("run/right")
    wrong, _ = levels("run/wrong")
    mended, cards = levels("run/wrong", gain_correction=table)
    assert cards["LSST ISR GAINCORRECTION APPLIED"] is True
    before, after = (one / right / np.median(one / right) - 1 for one in (wrong, mended))
    assert np.abs(before).max() > 0.015
    assert np.abs(after).max() < 6e-4


def test_the_new_flat_was_made_with_the_gains_in_use(butler, table):
    wrong = butler.find_dataset("ptc", collections="run/wrong", **HERE)
    assert table.meta["LSST CALIB UUID PTC"] == str(wrong.id)
    assert table.meta["LSST CALIB RUN FLAT"] == "run/flat"
    assert table.meta["FILTER"] == FILTER
    assert {table.meta[f"CPP_INPUT_{i}"] for i in range(3)} == {DAY * 100_000 + i for i in (8, 9, 10)}


def test_verification_of_a_day_names_exposures_and_reads_none(butler, table):
    """As a campaign asks for it: the exposures that the new flat was made from bound the query."""
    settings = {"verifyGainCorrection:edge": 4, "verifyGainCorrection:radial_nodes": 6}
    outputs = run(butler, "verifyGainCorrection", ("run/gainCorrection", "run/flat"), 8, 3, **settings)
    (ref,) = outputs["verifyGainCorrectionStatistics"]
    values = butler.get(ref)["product_detector"]
    assert values["STEP"] < values["STEP_BEFORE"] / 5
    assert values["N_LEFT_OUT"] == 0
