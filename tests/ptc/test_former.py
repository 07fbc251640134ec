"""A curve under test and the one in use until now, in a real repository."""

from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import CollectionType, DatasetType, Timespan

import deployments
from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments import camera
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator.night import simulate_night
from tasks.ptc.algorithm import solve_curve, to_table
from tasks.verification.model import DetectorStatistics
from tests.ptc.curves import exact_measurements
from tests.simulator.nights import QUIET, night

PIPELINE = Path(deployments.__file__).parent / "pipelines" / "verifyPtc.yaml"
FLATS = {"name": "flat", "type": "flat", "count": 2, "exposure_time": 2.0, "filter": "SDSSr_65mm~empty"}
NIGHT = night(FLATS, camera=QUIET, segment={"data_width": 32, "data_height": 48})
HERE = {"instrument": "LATISS", "detector": 0}


def curve(created, factor=1.0):
    """Curve of all amplifiers, their gains off by a factor."""
    levels = tuple(np.linspace(300, 90_000, 8).tolist())
    names = [one.name for one in camera("LATISS").detector(0).amplifiers]
    solved = solve_curve(
        one
        for i, name in enumerate(names)
        for one in exact_measurements(name, gain=factor * (1.0 + 0.01 * i), levels=levels, side=1)
    )
    table = to_table(solved)
    table.meta["CALIB_CREATION_DATETIME"] = created
    return table


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    root = tmp_path_factory.mktemp("former")
    simulate_night(NIGHT, root / "raws")
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as one:
        register_instrument(one, instrument_class_name("LATISS"))
        ingest_raws(one, [root / "raws"])
        kind = ("ptc", ("instrument", "detector"), "AstropyTable")
        one.registry.registerDatasetType(DatasetType(*kind, universe=one.dimensions, isCalibration=True))
        for run, table in (
            ("run/new", curve("2024-03-19T00:00:00", 1.03)),
            ("run/former", curve("2024-01-01T00:00:00")),
            ("run/oldest", curve("2023-01-01T00:00:00", 0.5)),
        ):
            one.collections.register(run)
            one.put(table, "ptc", run=run, **HERE)
        one.collections.register("calib", CollectionType.CALIBRATION)
        former = one.find_dataset("ptc", HERE, collections="run/former")
        one.registry.certify("calib", [former], Timespan(None, None))
        yield one


def verified(butler, *inputs):
    name = "-".join(inputs).replace("/", "_")
    request = PipelineRequest(
        PIPELINE, "instrument='LATISS'", (*inputs, "LATISS/raw/all"), f"chain/{name}", f"made/{name}"
    )
    (ref,) = run_pipeline(butler, request).outputs["verifyPtcStatistics"]
    return DetectorStatistics.model_validate(butler.get(ref))


@pytest.mark.parametrize("former", ["run/former", "calib"])
def test_the_curve_in_use_is_found_in_its_run_or_where_it_is_certified(butler, former):
    record = verified(butler, "run/new", former)
    new = butler.find_dataset("ptc", HERE, collections="run/new")
    assert record.calibration_uuids["ptc"] == str(new.id)
    assert record.product_detector["GAIN_CHANGE"] == pytest.approx(0.03, abs=1e-4)
    assert record.product_amplifiers["C10"]["GAIN_CHANGE"] == pytest.approx(0.03, abs=1e-4)


def test_of_several_former_curves_the_first_in_the_search_counts(butler):
    record = verified(butler, "run/new", "run/former", "run/oldest")
    assert record.product_detector["GAIN_CHANGE"] == pytest.approx(0.03, abs=1e-4)


def test_the_first_curve_of_a_camera_has_nothing_to_be_held_against(butler):
    record = verified(butler, "run/new")
    assert not np.isfinite(record.product_detector["GAIN_CHANGE"])
    assert record.product_detector["N_BAD"] == 0


def test_a_certified_curve_may_be_judged_by_itself(butler):
    record = verified(butler, "calib")
    former = butler.find_dataset("ptc", HERE, collections="run/former")
    assert record.calibration_uuids["ptc"] == str(former.id)
