"""Application of linearity corrections: known answers, units, and what must not happen to an image."""

import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator

from infra.errors import CalprodError
from tasks.isr.akima import interpolate_akima
from tasks.isr.linearity import (
    LinearityCorrection,
    apply_lookup_table,
    apply_spline,
    apply_squared,
    linearize,
    linearized,
)

NODES = np.array([0.0, 100.0, 900.0, 5000.0, 5001.0, 20_000.0, 60_000.0, 100_000.0])
VALUES = np.array([0.0, -8.0, 1.5, 1.7, 2.0, -68.0, -12.0, 180.0])


def spline(nodes=NODES, values=VALUES):
    return LinearityCorrection("Spline", np.concatenate([nodes, values]))


def double(relative=(NODES, 0.1 * VALUES), absolute=(NODES, VALUES), padding=0):
    n_relative = 0 if relative is None else relative[0].size
    parts = [] if relative is None else list(relative)
    sizes = [float(n_relative), float(absolute[0].size)]
    return LinearityCorrection("DoubleSpline", np.concatenate([sizes, *parts, *absolute, np.zeros(padding)]))


def pixels(low=-50.0, high=120_000.0):
    return np.random.default_rng(1).uniform(low, high, (40, 61)).astype(np.float32)


def test_squared_on_small_numbers():
    """Rubin ip_isr, tests of its linearizers: (−1, 0, 1, 2) becomes (−1 + q, 0, 1 + q, 2 + 4 q)."""
    for q in (0.0, 1e-3, 0.5):
        image = np.array([-1.0, 0.0, 1.0, 2.0])
        apply_squared(image, q)
        np.testing.assert_allclose(image, [-1 + q, 0, 1 + q, 2 + 4 * q], rtol=1e-15)


@pytest.mark.parametrize(
    ("row", "offset", "expected", "n_out"),
    [
        ((0, 0, 0, 0), 0, (-1, 0, 1, 2), 1),
        ((5, 4, 3, 2), 0, (4, 5, 5, 5), 1),
        ((1, 1, 1, 1), 1, (0, 1, 2, 3), 0),
        ((7, 6, 5, 4), 1, (6, 6, 6, 6), 0),
    ],
)
def test_lookup_table_on_small_numbers(row, offset, expected, n_out):
    """Rubin ip_isr, tests of its linearizers: two pixels of the four rows are out of range."""
    image = np.array([-1.0, 0.0, 1.0, 2.0], np.float32)
    assert apply_lookup_table(image, np.array(row, np.float32), offset) == n_out
    np.testing.assert_array_equal(image, expected)


def test_the_lookup_holds_its_ends_however_far_a_pixel_is_out():
    image = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan])
    assert apply_lookup_table(image, np.array([7, 0, 9], np.float32)) == 5
    np.testing.assert_array_equal(image, [-np.inf, -1e30, 1e30, np.inf, np.nan])


def test_the_polynomial_is_horners():
    correction = LinearityCorrection("Polynomial", np.array([1e-7, -3e-13, 2e-18]))
    x = np.linspace(-10, 1e5, 50)
    expected = x + 1e-7 * x**2 - 3e-13 * x**3 + 2e-18 * x**4
    np.testing.assert_allclose(linearized(x, correction), expected, rtol=1e-14)


@pytest.mark.parametrize("n_nodes", [2, 3, 4, 5, 9])
def test_our_akima_is_scipys(n_nodes):
    random = np.random.default_rng(n_nodes)
    nodes = np.cumsum(random.uniform(0.1, 5.0, n_nodes))
    values = random.normal(size=n_nodes)
    x = np.concatenate([nodes, random.uniform(nodes[0], nodes[-1], 100)])
    np.testing.assert_allclose(
        interpolate_akima(x, nodes, values), Akima1DInterpolator(nodes, values)(x), atol=1e-12
    )


def test_akima_of_flat_stretches_is_scipys():
    nodes, values = np.arange(8.0), np.array([0, 0, 0, 1, 1, 1, 2, 5.0])
    x = np.linspace(0, 7, 113)
    np.testing.assert_allclose(
        interpolate_akima(x, nodes, values), Akima1DInterpolator(nodes, values)(x), atol=1e-14
    )


def test_the_spline_is_subtracted_with_its_argument_within_the_nodes():
    """Rubin ip_isr: x − S(clip(x, 0, last node − 0.1))."""
    image = pixels()
    x = image.astype(np.float64)
    expected = x - Akima1DInterpolator(NODES, VALUES)(np.clip(x, 0.0, NODES[-1] - 0.1))
    apply_spline(image, NODES, VALUES)
    # The image is float32: half a unit in the last place of 1e5 is 0.004.
    np.testing.assert_allclose(image, expected, atol=0.005)


def test_very_uneven_nodes_are_found_by_every_pixel():
    nodes = np.array([0.0, 1e-3, 2e-3, 10.0, 10.001, 1e5])
    values = np.array([0.0, 1.0, -1.0, 2.0, 3.0, 4.0])
    x = np.sort(np.concatenate([nodes, nodes[1:] - 1e-9, np.geomspace(1e-6, 1e5, 500)]))
    x = x[x <= 1e5 - 0.1]
    got = linearized(x, spline(nodes, values))
    np.testing.assert_allclose(got, x - Akima1DInterpolator(nodes, values)(x), atol=1e-9)


def test_the_double_spline_is_relative_first_then_absolute():
    x = pixels().astype(np.float64)
    relative = x - Akima1DInterpolator(NODES, 0.1 * VALUES)(np.clip(x, 0.0, NODES[-1] - 0.01))
    expected = relative - Akima1DInterpolator(NODES, VALUES)(np.clip(relative, 0.0, NODES[-1] - 0.01))
    np.testing.assert_allclose(linearized(x, double(padding=7)), expected, atol=1e-9)


def test_the_reference_amplifier_has_only_the_absolute_spline():
    x = pixels(high=99_000).astype(np.float64)
    np.testing.assert_allclose(linearized(x, double(relative=None)), linearized(x, spline()), atol=1e-9)


@pytest.mark.parametrize(
    "correction",
    [
        LinearityCorrection("Squared", np.array([1e-7, 99.0])),
        LinearityCorrection("Polynomial", np.array([1e-7, 2e-13])),
        LinearityCorrection(
            "LookupTable", np.array([0.0, 0.0]), np.linspace(0, 800, 2**17, dtype=np.float32)
        ),
        spline(),
        double(),
    ],
    ids=lambda one: one.type,
)
def test_an_image_in_electron_gets_the_same_correction(correction):
    """Rubin ip_isr scales splines only; the others would be wrong by the gain."""
    x = pixels(high=90_000).astype(np.float64)
    # Two splines' margins of 0.1 and 0.01 are in the unit of the image; no pixel reaches them.
    np.testing.assert_allclose(
        linearized(1.25 * x, correction, 1.25), 1.25 * linearized(x, correction), rtol=1e-8
    )


def test_a_view_of_an_image_is_linearised_where_it_lies():
    mosaic = np.full((50, 80), 1000.0, np.float32)
    linearize(mosaic[10:40, 20:60], LinearityCorrection("Squared", np.array([1e-5])))
    assert (mosaic[10:40, 20:60] == 1010.0).all()
    assert np.count_nonzero(mosaic != 1000.0) == 30 * 40


def test_nan_pixels_stay_nan_and_alone():
    for correction in (spline(), double(), LinearityCorrection("Squared", np.array([1e-7]))):
        image = pixels()
        image[3, 4] = np.nan
        linearize(image, correction)
        assert np.isnan(image[3, 4])
        assert np.count_nonzero(np.isnan(image)) == 1


def test_no_correction_leaves_the_image_as_it_is():
    image = pixels()
    linearize(image, LinearityCorrection("None", np.zeros(1)))
    np.testing.assert_array_equal(image, pixels())


@pytest.mark.parametrize("kind", ["Squared", "Polynomial", "Spline", "DoubleSpline"])
def test_an_amplifier_of_unknown_response_becomes_nan(kind):
    """Rubin ip_isr: coefficients that are not finite."""
    image = pixels()
    linearize(image, LinearityCorrection(kind, np.full(22, np.nan)))
    assert np.isnan(image).all()


@pytest.mark.parametrize(
    ("kind", "coefficients", "row"),
    [
        ("Cubic", [1.0], None),
        ("Squared", [], None),
        ("LookupTable", [0.0, 0.0], None),
        ("Spline", [0.0, 1.0, 2.0], None),
        ("DoubleSpline", [2.0, 2.0, 0.0, 1.0], None),
        ("DoubleSpline", [0.0, 0.0], None),
    ],
)
def test_coefficients_that_do_not_fit_their_type_are_refused(kind, coefficients, row):
    with pytest.raises(CalprodError, match=kind):
        LinearityCorrection(kind, np.array(coefficients), row)


def test_nodes_that_do_not_rise_are_refused():
    with pytest.raises(CalprodError, match="do not rise"):
        linearize(pixels(), spline(NODES[::-1]))
    with pytest.raises(CalprodError, match="must rise"):
        interpolate_akima(1.0, NODES[::-1], VALUES)


@pytest.mark.parametrize("gain", [0.0, -1.0, np.nan, np.inf])
def test_a_gain_that_is_none_is_refused(gain):
    with pytest.raises(CalprodError, match="gain of"):
        linearize(pixels(), spline(), gain)
