"""The PipelineTasks: in a repository, in the order of 2024-04, and with inputs they cannot use."""

from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import DimensionUniverse
from lsst.pipe.base import Pipeline

import deployments
from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError
from infra.instruments.class_names import instrument_class_name
from infra.ledger.clock import now
from infra.raws.ingest import ingest_raws
from infra.simulator import simulate_night
from infra.simulator.specification import NightSpec
from tasks.brighter_fatter.algorithm import from_table
from tasks.brighter_fatter.pipeline_task import BrighterFatterKernelConfig, BrighterFatterKernelTask
from tasks.combine.priors import Priors
from tasks.flat_pairs.curve.table import to_table
from tasks.verification.model import DetectorStatistics
from tests.brighter_fatter.curves import detector_curve
from tests.brighter_fatter.simulated import A_MATRIX, curve_table, kernel_table, sequence, verified
from tests.brighter_fatter.test_kernel import modelled
from tests.ptc.sequences import FILTER

PIPELINES = Path(deployments.__file__).parent / "pipelines"
ALL = "instrument='LATISS' AND detector=0"


def solved(table, **changes):
    config = BrighterFatterKernelConfig()
    config.update(**changes)
    task = BrighterFatterKernelTask(config=config)
    return task.run(table, source=("a/run", "an-uuid"), created=now()).output


def night():
    """Two new pairs of flats and two exposures of spots of the detector of `simulated`."""
    flats = {"name": "ptc", "type": "flat", "filter": FILTER, "exposure_times": (7.0, 9.0), "repeat": 2}
    spots = {"name": "spots", "type": "object", "filter": FILTER, "exposure_time": 10.0, "count": 2}
    spots["spots"] = {"peak": (5000.0, 90_000.0), "width": 1.7}
    camera = sequence().specification.camera.model_dump(mode="json")
    camera["brighter_fatter"] = {"a_matrix": A_MATRIX}
    return NightSpec.model_validate(
        {
            **sequence().specification.model_dump(mode="json", include={"day_obs", "segment", "seed"}),
            "sets": [flats, spots],
            "camera": camera,
        }
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("bfk")
    simulate_night(night(), root / "raws", workers=1)
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        ingest_raws(butler, [root / "raws"])
    return root / "repo"


def run(butler, pipeline, inputs, data, **overrides):
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        data,
        inputs,
        f"chain/{pipeline}",
        f"run/{pipeline}",
        {f"{pipeline}:{key}": str(value) for key, value in overrides.items()},
    )
    return run_pipeline(butler, request)


def test_from_a_curve_in_a_repository_to_statistics_of_its_kernel(repository):
    with open_butler(repository, writeable=True) as butler:
        _store_curve(butler)
        made = run(butler, "bfk", ("ptc/run",), ALL, level="'DETECTOR'")
        (kernel_ref,) = made.outputs["bfk"]
        table = butler.get(kernel_ref)
        kernels = from_table(table)
        assert kernels.is_valid
        ref = butler.find_dataset("ptc", instrument="LATISS", detector=0, collections="ptc/run")
        assert (table.meta["PTC_RUN"], table.meta["PTC_UUID"]) == ("ptc/run", str(ref.id))
        assert table.meta["INSTRUME"] == "LATISS"
        checked = run(
            butler,
            "verifyBfk",
            ("run/bfk", "LATISS/raw/all"),
            ALL,
            edge=6,
            minimum_pixels=1000,
        )
        (statistics,) = checked.outputs["verifyBfkStatistics"]
        (rows,) = checked.outputs["verifyBfkCovariances"]
        stored, covariances = butler.get(statistics), butler.get(rows)
    record = DetectorStatistics.model_validate(stored)
    values = record.product_detector
    assert (values["N_PAIRS"], values["N_HELD_OUT"]) == (2, 2)
    assert abs(values["A00_RESIDUAL"]) < 4.0 * values["A00_RESIDUAL_ERROR"] + 0.05
    assert values["N_MATCHES"] >= 16
    assert values["XX_SLOPE_AFTER"] < values["XX_SLOPE_BEFORE"]
    assert len(covariances) == 32
    assert abs(np.mean(covariances["c00_after"])) < 0.2 * abs(np.mean(covariances["c00_before"]))


def _store_curve(butler):
    from lsst.daf.butler import DatasetType

    butler.registry.registerDatasetType(
        DatasetType(
            "ptc",
            ("instrument", "detector"),
            "AstropyTable",
            universe=butler.dimensions,
            isCalibration=True,
        )
    )
    butler.collections.register("ptc/run")
    table = curve_table().copy()
    # Another night: its exposures are not those of this one.
    for key, value in table.meta.items():
        if str(key).startswith("CPP_INPUT_") and isinstance(value, int):
            table.meta[key] = value - 10_000_000
    butler.put(table, "ptc", instrument="LATISS", detector=0, run="ptc/run")


@pytest.mark.parametrize("name", ["bfk", "bfkFromFlats", "verifyBfk", "2024-04/bfk", "2024-04/verifyBfk"])
def test_the_pipelines_fit_together(name):
    graph = Pipeline.from_uri(PIPELINES / f"{name}.yaml").to_graph()
    graph.resolve(dimensions=DimensionUniverse(), dataset_types={})
    inputs = {
        edge.parent_dataset_type_name for task in graph.tasks.values() for edge in task.iter_all_inputs()
    }
    if name.startswith("verify"):
        assert {"bfk", "raw"} <= inputs
        assert "verifyBfkStatistics" in graph.dataset_types
    elif name.endswith("bfk"):
        assert inputs == {"ptc"}
        table = graph.dataset_types["bfk"].dataset_type
        assert (table.storageClass_name, table.isCalibration()) == ("AstropyTable", True)
        assert set(table.dimensions.required) == {"instrument", "detector"}
    elif name == "bfkFromFlats":
        assert {"raw", "bfkPtc"} <= inputs
        assert {"bfkPtc", "bfk", "bfkPtcAdjustmentSummary"} <= set(graph.dataset_types)


def test_the_header_names_the_curve_and_its_exposures():
    table = kernel_table()
    assert (table.meta["PTC_RUN"], table.meta["PTC_UUID"]) == ("some/run", "some-uuid")
    inputs = {value for key, value in table.meta.items() if str(key).startswith("CPP_INPUT_")}
    assert set(sequence().exposures) <= inputs
    assert table.meta["CALPROD BFK ZERO SUM"] == "ALL_LAGS"
    assert table.meta["DETECTOR"] == 0


def test_a_detector_most_of_whose_amplifiers_fail_has_no_product():
    good = [modelled(f"C1{i}") for i in range(6)]
    bad = [modelled(f"C0{i}", reason="no usable pixel") for i in range(2)]
    assert len(solved(to_table(detector_curve(*good, *bad)))) == 8
    with pytest.raises(
        CalprodError, match=r"3 of 8 amplifiers have no valid .*C00: the photon transfer curve is bad"
    ):
        solved(to_table(detector_curve(*good[:5], *bad, modelled("C07", reason="dead"))))


def test_what_is_no_curve_is_refused():
    with pytest.raises(CalprodError, match="no photon transfer curve"):
        solved(kernel_table())


def test_a_kernel_that_is_not_applied_is_noticed(monkeypatch):
    """A task whose search finds no kernel among the calibrations must not call two equal flats a success."""
    import tests.brighter_fatter.simulated as simulated

    monkeypatch.setattr(simulated, "Priors", lambda _: Priors())
    with pytest.raises(CalprodError, match="was not corrected for the brighter-fatter effect"):
        verified(kernel_table())
