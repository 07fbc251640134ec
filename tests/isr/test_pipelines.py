"""Every pipeline that ships can be built, and those of 2024-04 correct in their order."""

from pathlib import Path

import pytest
import yaml
from lsst.pipe.base import Pipeline

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines"
ALL = sorted(path.relative_to(PIPELINES).as_posix() for path in PIPELINES.rglob("*.yaml"))
TABLES = {"crosstalk", "linearizer", "ptc", "defects", "cti", "bfk", "electroBfDistortionMatrix"}


def plain(name):
    return name.lower().replace("_", "")


RULES = yaml.safe_load((PIPELINES.parent / "dependencies" / "modern.yaml").read_text())["calibrations"]
NEEDS = {plain(name): one.get("needs", ()) for name, one in RULES.items()}
"""Calibrations that one is made from."""


def tasks(name):
    return tuple(Pipeline.from_uri(str(PIPELINES / name)).to_graph().tasks.values())


@pytest.mark.parametrize("name", ALL)
def test_a_pipeline_can_be_built_and_writes_what_it_is_named_after(name):
    made = {edge.dataset_type_name for task in tasks(name) for edge in task.outputs.values()}
    stem = Path(name).stem.replace("ForDefects", "Bootstrap")
    # bfkFromFlats makes a bfk, and tells in its name what from; flatBlue makes a flat_blue.
    assert any(plain(stem).startswith(plain(one).removesuffix("statistics")) for one in made)


@pytest.mark.parametrize("name", ALL)
def test_tables_that_correct_are_optional(name):
    for task in tasks(name):
        connections = task.get_connections()
        for edge in task.prerequisite_inputs.values():
            connection = getattr(connections, edge.connection_name)
            of = plain(task.label).removeprefix("verify")
            is_needed = plain(connection.name) == of or connection.name in NEEDS.get(of, ())
            if connection.name in TABLES and not is_needed:
                assert connection.minimum == 0, edge


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("2024-04/")])
def test_the_pipelines_of_2024_04_correct_in_their_order(name):
    for task in tasks(name):
        isr = getattr(task.config, "isr", None)
        assert isr is None or isr.order == "2024-04"
        names = {edge.parent_dataset_type_name for edge in task.prerequisite_inputs.values()}
        assert "biasBootstrap" not in names
