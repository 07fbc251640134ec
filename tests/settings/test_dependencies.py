"""The dependency graph: what is shipped is whole, and a wrong one has a line."""

from pathlib import Path

import pytest

from infra.errors import ProfileError
from infra.settings import Dependencies, builtin_profile, load_dependencies

TEN = {"bias", "dark", "flat", "defects", "ptc", "crosstalk", "linearizer", "bfk", "cti", "fringe"}


@pytest.mark.parametrize("order", ["modern", "2024-04"])
def test_both_orders_know_all_ten_calibrations(order: str) -> None:
    graph = load_dependencies(order)
    assert set(graph.calibrations) >= TEN
    assert graph.name == order


@pytest.mark.parametrize("order", ["modern", "2024-04"])
def test_a_new_ptc_asks_for_a_new_linearizer_cti_and_brighter_fatter_kernel(order: str) -> None:
    graph = load_dependencies(order)
    assert {"linearizer", "cti", "bfk"} <= set(graph.descendants("ptc"))


def test_the_linearizer_is_made_before_the_ptc_and_refreshed_by_it() -> None:
    graph = load_dependencies("modern")
    assert "linearizer" in graph.calibrations["ptc"].uses
    assert graph.calibrations["linearizer"].refreshed_by == ("ptc",)


@pytest.mark.parametrize("name", ["latiss", "latiss-2024-04", "lsstcomcam", "lsstcam"])
def test_the_shipped_profiles_follow_their_graph(name: str) -> None:
    profile = builtin_profile(name)
    graph = load_dependencies(profile.dependencies)
    for calibration in profile.calibrations:
        entry = graph.calibrations[calibration.name]
        assert set(calibration.after) == set(entry.needs), calibration.name
        assert set(calibration.uses) <= set(entry.sources), calibration.name


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("  flat: {needs: [bias]}\n  bias: {}\n", 3, "expected a calibration listed above flat"),
        ("  bias: {}\n  flat: {uses: [biass]}\n", 4, "expected a calibration of this graph (bias, flat)"),
        ("  bias: {}\n  flat: {refreshed_by: [bias]}\n", 4, "expected a calibration listed below flat"),
        ("  bias: {need: []}\n", 3, "unknown key; did you mean 'needs'?"),
    ],
)
def test_a_wrong_graph_is_refused_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(f"name: mine\ncalibrations:\n{text}")
    with pytest.raises(ProfileError) as refused:
        load_dependencies(path)
    assert f"graph.yaml:{line}" in str(refused.value)
    assert said in str(refused.value)


def test_a_profile_may_bring_its_own_graph(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text("name: mine\ncalibrations:\n  bias: {}\n")
    graph = load_dependencies("graph.yaml", beside=tmp_path / "profile.yaml")
    assert isinstance(graph, Dependencies)
    assert graph.descendants("bias") == ()
