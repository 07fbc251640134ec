"""The pipelines of the linearizer fit together, dataset type by dataset type."""

from pathlib import Path

import pytest
from lsst.pipe.base import Pipeline

import deployments

PIPELINES = Path(deployments.__file__).parent / "pipelines"


def graph_of(name):
    graph = Pipeline.from_uri(PIPELINES / name).to_graph()
    graph.resolve(dimensions=_universe(), dataset_types={})
    return graph


def _universe():
    from lsst.daf.butler import DimensionUniverse

    return DimensionUniverse()


def test_the_levels_flow_into_the_linearizer():
    graph = graph_of("linearizer.yaml")
    assert list(graph.tasks) == ["linearizerPtc", "linearizer"]
    inputs = {edge.dataset_type_name for edge in graph.tasks["linearizer"].iter_all_inputs()}
    assert inputs == {"linearizerPtc", "linearizerPtcBinned"}
    table = graph.dataset_types["linearizer"].dataset_type
    assert (table.storageClass_name, table.isCalibration()) == ("AstropyTable", True)
    assert set(table.dimensions.required) == {"instrument", "detector"}


def test_in_2024_the_curve_itself_was_taken():
    graph = graph_of("2024-04/linearizer.yaml")
    task = graph.tasks["linearizer"]
    assert {edge.dataset_type_name for edge in task.iter_all_inputs()} == {"ptc"}
    assert (task.config.type, task.config.n_nodes) == ("Spline", 10)


def test_verification_asks_for_the_linearizer_and_takes_what_else_there_is():
    graph = graph_of("verifyLinearizer.yaml")
    task = graph.tasks["verifyLinearizer"]
    optional = {edge.dataset_type_name for edge in task.prerequisite_inputs.values()}
    assert optional == {"linearizer", "crosstalk", "defects", "biasBootstrap"}
    assert {edge.dataset_type_name for edge in task.outputs.values()} == {"verifyLinearizerStatistics"}


@pytest.mark.parametrize("kind", ["Squared", "Polynomial", "LookupTable", "Spline"])
def test_only_a_double_spline_asks_for_binned_images(kind):
    pipeline = Pipeline.from_uri(PIPELINES / "linearizer.yaml")
    pipeline.addConfigOverride("linearizer", "type", kind)
    inputs = {edge.dataset_type_name for edge in pipeline.to_graph().tasks["linearizer"].iter_all_inputs()}
    assert inputs == {"linearizerPtc"}
