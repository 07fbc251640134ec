"""Plots: well-formed, labelled, true to the data, and small."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from tasks.reporting.plots import (
    Axis,
    Cells,
    Figure,
    Line,
    Panel,
    Series,
    bar_chart,
    category_map,
    heat_map,
    panel_plot,
    scatter_plot,
    small_multiples,
)
from tasks.reporting.plots.axes import label_of, shared_limits, thinned

SIGNAL, NOISE = Axis("signal", "electron"), Axis("noise", "adu²")
N = np.arange(1.0, 21.0)
NAMES = tuple(f"C{column}{row}" for column in (1, 0) for row in range(8))


def every_kind() -> dict[str, Figure]:
    """Return one figure of each kind, with what makes axes hard: 16 panels, powers of ten, many names."""
    decades = np.geomspace(10.0, 2.0e5, 40)
    points = [
        Series(decades, decades / 1.3, "pairs", error=0.1 * decades),
        Series(N, N, "left", shape="cross"),
    ]
    log = Axis("mean", "adu", log=True), Axis("variance", "adu²", log=True)
    tiny = np.linspace(-4e-6, -3e-6, 16)
    return {
        "scatter": scatter_plot(
            "Noise", [Series(N, N**2, "one"), Series(N, N, "fit", "line", 1)], SIGNAL, NOISE
        ),
        "log": scatter_plot("Curve", points, *log, lines=[Line(9e4, "turnoff", vertical=True)]),
        "powers": scatter_plot(
            "a00",
            [Series(N[:16], tiny, shape="ring")],
            Axis("place", whole=True),
            Axis("a00", "1/electron"),
            lines=[Line(-3.5e-6, "limit")],
        ),
        "panels": panel_plot(
            "Curve", [Panel(points, NOISE), Panel([Series(N, N)], Axis("rest", "%"), (), 120)], SIGNAL
        ),
        "multiples": small_multiples("All", dict.fromkeys(NAMES, points), *log),
        "own axes": small_multiples(
            "All", {n: [Series(N, i * N)] for i, n in enumerate(NAMES)}, SIGNAL, NOISE, shared_y=False
        ),
        "matrix": heat_map(
            "Crosstalk",
            np.linspace(-1e-4, 1e-4, 256).reshape(16, 16),
            Cells("source", NAMES),
            Cells("target", NAMES),
            quantity="coefficient",
            centre=0.0,
            marked=[(1, 2)],
            from_above=True,
        ),
        "lags": heat_map(
            "a",
            np.eye(8) * -3e-6,
            Cells("serial lag", unit="pixel"),
            Cells("parallel lag", unit="pixel"),
            quantity="a",
            unit="1/electron",
        ),
        "map": category_map(
            "Defects",
            np.eye(300, dtype=np.uint8) * 2,
            ("hot", "cold"),
            Cells("x", unit="pixel", step=8),
            Cells("y", unit="pixel", step=8),
        ),
        "bars": bar_chart(
            "Defects", NAMES, {"hot": N[:16], "cold": 300 * N[:16]}, Axis("amplifier"), Axis("pixels")
        ),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return every_kind()


def root(figure: Figure) -> ElementTree.Element:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return ElementTree.fromstring(str(figure.svg).replace("<svg ", f"<svg {names} ", 1))


def texts(figure: Figure) -> list[str]:
    return [one.text or "" for one in root(figure).iter("{http://www.w3.org/2000/svg}text")]


def points_of(figure: Figure) -> list[np.ndarray]:
    """Return the places (x, y) of the points of each series, in CSS pixels with y downwards."""
    paths = re.findall(r'<path class="points" d="([^"]*)"', str(figure.svg))
    return [np.array(re.findall(r"M([\d.]+) ([\d.]+)", path), float) for path in paths]


def test_every_kind_is_well_formed_and_described(drawn: dict[str, Figure]) -> None:
    identifiers: list[str] = []
    for kind, figure in drawn.items():
        tree = root(figure)
        assert tree.get("role") == "img", kind
        assert tree.get("aria-label") == figure.title
        assert figure.title in (tree.findtext("{http://www.w3.org/2000/svg}desc") or "")
        identifiers += [one.attrib["id"] for one in tree.iter() if "id" in one.attrib]
        assert not re.search("#0102|#040506", str(figure.svg)), "an ink that the page does not know"
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("scatter", ("signal (electron)", "noise (adu²)", "one", "fit")),
        ("log", ("mean (adu)", "variance (adu²)", "turnoff", "pairs", "left")),
        ("powers", ("place", "a00 (10⁻⁶/electron)", "limit")),
        ("panels", ("signal (10³ electron)", "noise (10³ adu²)", "rest (%)")),
        ("multiples", ("mean (adu)", "variance (adu²)", *NAMES)),
        ("matrix", ("source", "target", "coefficient (10⁻⁶)", *NAMES)),
        ("lags", ("serial lag (pixel)", "parallel lag (pixel)", "a (10⁻⁶/electron)")),
        ("map", ("x (pixel)", "y (pixel)", "hot", "cold", "2000")),
        ("bars", ("amplifier", "pixels", "hot", "cold", *NAMES)),
    ],
)
def test_axes_are_labelled_with_their_units(drawn, kind: str, labels: tuple[str, ...]) -> None:
    assert set(labels) <= set(texts(drawn[kind]))


@pytest.mark.parametrize("kind", ["scatter", "log"])
def test_points_lie_where_their_values_are(drawn: dict[str, Figure], kind: str) -> None:
    first = points_of(drawn[kind])[0]
    assert (np.diff(first[:, 0]) > 0).all()
    assert (np.diff(first[:, 1]) < 0).all(), "up is more"
    steps = np.diff(first[:, 0])
    # Equal steps in the data, or in its logarithm, are equal on paper; a place is rounded to 0.1.
    assert np.ptp(steps) < 0.21


def test_signs_and_decimals_of_ticks_agree(drawn: dict[str, Figure]) -> None:
    ticks = [text for text in texts(drawn["powers"]) if text.startswith("−")]
    assert len(ticks) >= 3
    assert len({len(text.partition(".")[2]) for text in ticks}) == 1
    assert "0" in texts(drawn["scatter"])


def test_what_has_no_value_is_left_out() -> None:
    x, y = N.copy(), N.copy()
    x[0], y[1], y[2], x[3] = np.nan, np.inf, -1.0, 0.0
    assert len(points_of(scatter_plot("a", [Series(x, y)], SIGNAL, NOISE))[0]) == 18
    log = Axis("signal", log=True), Axis("noise", log=True)
    assert len(points_of(scatter_plot("a", [Series(x, y)], *log))[0]) == 16


@pytest.mark.parametrize("values", [[], [np.nan] * 5, [3.0] * 5, [0.0]], ids=["none", "NaN", "equal", "zero"])
@pytest.mark.parametrize("log", [False, True])
def test_odd_data_is_drawn_all_the_same(values: list[float], log: bool) -> None:
    y, x = np.array(values), np.arange(1.0, 1 + len(values))
    axes = Axis("signal", "electron", log=log), Axis("noise", "adu", log=log)
    for figure in (
        scatter_plot("a", [Series(x, y, "a", error=y)], *axes),
        small_multiples("a", {"C00": [Series(x, y)], "C01": []}, *axes),
        panel_plot("a", [Panel([], axes[1]), Panel([Series(x, y)], axes[1])], axes[0]),
    ):
        assert root(figure).tag.endswith("svg")
    assert root(heat_map("a", np.full((3, 4), np.nan), Cells("x"), Cells("y"), quantity="a")) is not None
    assert root(bar_chart("a", NAMES[:1], {"b": [np.nan]}, Axis("x"), Axis("y"))) is not None


def test_text_of_a_header_is_no_markup() -> None:
    figure = scatter_plot('<script>"&', [Series(N, N, "<b>&amp;")], Axis("<i>"), Axis("y", "<u>"))
    assert "<b>&amp;" in texts(figure)
    assert "<script" not in str(figure.svg)


def test_many_points_make_a_small_figure() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 10, 200_000)
    figure = scatter_plot("many", [Series(x, rng.normal(0, 1, x.size))], SIGNAL, NOISE)
    assert len(points_of(figure)[0]) <= 600
    assert len(figure.svg) < 25_000


def test_a_figure_of_every_amplifier_is_small(drawn: dict[str, Figure]) -> None:
    assert len(drawn["multiples"].svg) < 120_000
    assert all(
        len(figure.svg) < 60_000 for kind, figure in drawn.items() if kind not in ("multiples", "own axes")
    )


def test_thinning_keeps_the_ends_and_the_order() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(0, 1, 50_000), rng.normal(0, 1, 50_000)
    chosen = thinned(x, y, 300)
    assert chosen.size <= 300
    assert (np.diff(chosen) > 0).all()
    assert {x.argmin(), x.argmax(), y.argmin(), y.argmax()} <= set(chosen.tolist())
    assert thinned(x[:10], y[:10], 300).tolist() == list(range(10))


def test_outlier_survives_thinning_of_a_crowd() -> None:
    y = np.zeros(10_000)
    y[1234] = 5.0
    assert 1234 in thinned(np.linspace(0, 1, y.size), y, 100)


def test_limits_leave_room_and_obey_the_caller() -> None:
    low, high = shared_limits(SIGNAL, [np.array([0.0, 10.0]), np.array([np.nan])])
    assert low < 0.0 < 10.0 < high
    assert shared_limits(Axis("a", limits=(1.0, 2.0)), [N]) == (1.0, 2.0)
    low, _ = shared_limits(Axis("a", log=True), [np.array([-5.0, 0.0, 10.0, 100.0])])
    assert 0.0 < low < 10.0


def test_power_of_ten_stands_with_the_unit() -> None:
    assert label_of(Axis("a00", "1/electron"), -6) == "a00 (10⁻⁶/electron)"
    assert label_of(Axis("signal", "adu"), 3) == "signal (10³ adu)"
    assert label_of(Axis("ratio"), -3) == "ratio (10⁻³)"
    assert label_of(Axis("ratio")) == "ratio"


def test_the_same_figure_twice_is_the_same(drawn: dict[str, Figure]) -> None:
    again = every_kind()
    assert {kind: str(one.svg) for kind, one in again.items()} == {
        kind: str(one.svg) for kind, one in drawn.items()
    }


def test_a_single_defect_of_a_large_map_is_seen() -> None:
    from tasks.reporting.plots.maps import _enlarged

    kinds = np.zeros((9, 9), np.uint8)
    kinds[4, 4], kinds[0, 0] = 2, 1
    drawn = _enlarged(kinds)
    assert (drawn[3:6, 3:6] == 2).all()
    assert (drawn[:2, :2] == 1).all()
    assert np.count_nonzero(drawn) == 9 + 4
