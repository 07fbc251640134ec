"""The fit of the light over the focal plane, against lights that are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from infra.errors import CalprodError
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM
from tasks.flat.gradient.fitting import fit_gradient
from tasks.flat.gradient.least_absolute import minimise_absolute
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.gradient.recipe import GradientSettings, gradient_settings
from tests.flat.lights import lit, middle_of, places, small_raft

# Light and tolerances of cp_pipe's tests/test_flatFitGradient.py, on a raft of the same kind.
NODES = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.2])
VALUES = np.array([1.0, 1.0, 1.0, 0.9, 0.5, 0.3, 0.0])
SMALL = GradientSettings(tuple(NODES), tuple(NODES), fit_plane=False, last_is_zero=True, centre_radius=1.0)


def small_light(**changes):
    return FlatGradient(NODES, VALUES, normalization=1.1, **changes)


def profile_of(fit, light):
    """Return the fitted radial part in units of the light's."""
    return fit.gradient.values * fit.gradient.normalization / light.normalization


def test_a_radial_light_is_found():
    light = small_light()
    fit = fit_gradient(lit(small_raft(), light), SMALL)
    assert fit.has_converged
    assert fit.gradient.normalization == pytest.approx(1.1, rel=1e-7)
    # The last interval but one is lit by 0.3 to 0.05, below which bins are left out.
    np.testing.assert_allclose(profile_of(fit, light), VALUES, atol=1e-3)
    assert fit.gradient.itl_ratio == pytest.approx(1.0, abs=2e-4)


def test_a_last_node_that_is_free_is_found_where_bins_reach_it():
    light = FlatGradient(NODES, np.array([1.0, 1.0, 1.0, 0.9, 0.5, 0.3, 0.2]), normalization=1.1)
    fit = fit_gradient(lit(small_raft(pitch=3.0), light), replace(SMALL, last_is_zero=False))
    np.testing.assert_allclose(profile_of(fit, light), light.values, atol=1e-3)


def test_the_middle_of_the_light_is_found():
    light = small_light(shift=(0.01, -0.01))
    fit = fit_gradient(lit(small_raft(), light), replace(SMALL, fit_shift=True))
    np.testing.assert_allclose(fit.gradient.shift, (0.01, -0.01), atol=6e-3)
    np.testing.assert_allclose(profile_of(fit, light), VALUES, atol=1e-3)


def test_slope_middle_and_ratio_of_the_makers_are_found_together():
    light = small_light(slope=(0.01, -0.01), shift=(0.01, -0.01), itl_ratio=0.9)
    bins = lit(small_raft(), light)
    fit = fit_gradient(bins, replace(SMALL, fit_plane=True, fit_shift=True))
    assert fit.gradient.normalization == pytest.approx(middle_of(bins, 1.0), rel=1e-7)
    np.testing.assert_allclose(fit.gradient.slope, light.slope, atol=1e-4)
    np.testing.assert_allclose(fit.gradient.shift, light.shift, atol=6e-3)
    assert fit.gradient.itl_ratio == pytest.approx(0.9, abs=2e-4)
    np.testing.assert_allclose(profile_of(fit, light), VALUES, atol=1e-3)


@pytest.mark.parametrize(
    ("camera", "profile", "ratio", "shift"),
    [
        (LSSTCOMCAM, 1 - 0.03 * (np.array([0.0, 30, 60, 90]) / 90) ** 2, 1.0, (0.0, 0.0)),
        (
            LSSTCAM,
            [1, 0.99, 0.97, 0.955, 0.945, 0.935, 0.93, 0.92, 0.915, 0.91, 0.85, 0.75, 0.55, 0.4, 0.2],
            0.92,
            (2.0, -3.0),
        ),
    ],
    ids=["one raft", "LSSTCam"],
)
def test_each_camera_has_nodes_that_serve_it(camera, profile, ratio, shift):
    settings = gradient_settings(camera)
    light = FlatGradient(
        np.array(settings.nodes),
        np.array(profile, np.float64),
        itl_ratio=ratio,
        slope=(1.2e-4, -0.7e-4),
        shift=shift,
        normalization=1.37,
    )
    fit = fit_gradient(lit(places(camera, 12), light), settings)
    # Relative tolerances, which is stricter for slopes of 1e-4 per mm than those of the reference.
    np.testing.assert_allclose(fit.gradient.slope, light.slope, rtol=1e-4)
    np.testing.assert_allclose(profile_of(fit, light), profile, rtol=1e-3)
    assert fit.gradient.itl_ratio == pytest.approx(ratio, abs=2e-4)
    np.testing.assert_allclose(fit.gradient.shift, shift, atol=6e-3)


def test_noise_moves_the_light_by_no_more_than_its_error():
    settings = gradient_settings(LSSTCOMCAM)
    light = FlatGradient(np.array(settings.nodes), np.array([1.0, 0.997, 0.985, 0.97]), slope=(4e-4, -2.5e-4))
    bins = places(LSSTCOMCAM, 12)
    noise, found = 2e-3, []
    for seed in range(30):
        gradient = fit_gradient(lit(bins, light, noise=noise, seed=seed), settings).gradient
        found.append([*gradient.slope, *gradient.values * gradient.normalization])
    truth = np.array([*light.slope, *light.values])
    # A median has an error 1.25 times that of a mean; that of a slope is the noise over the spread of places.
    spread = np.sqrt((bins.x**2).sum())
    errors = np.std(found, axis=0, ddof=1)
    assert errors[:2] == pytest.approx(1.2533 * noise / spread, rel=0.4)  # three errors of 30 samples
    pulls = (np.mean(found, axis=0) - truth) / (errors / np.sqrt(30))
    assert np.abs(pulls).max() < 4.0  # 6 numbers


def test_spoilt_detectors_do_not_move_the_fit():
    """One detector of nine responds by a tenth less: the sum of absolute deviations does not follow it."""
    settings = gradient_settings(LSSTCOMCAM)
    light = FlatGradient(np.array(settings.nodes), np.array([1.0, 0.997, 0.985, 0.97]), slope=(4e-4, -2.5e-4))
    bins = lit(places(LSSTCOMCAM, 12), light, noise=1e-3)
    spoilt = replace(bins, value=np.where(bins.detector == 7, 0.9 * bins.value, bins.value))
    fit = fit_gradient(spoilt, settings)
    np.testing.assert_allclose(fit.gradient.slope, light.slope, atol=1e-5)
    assert np.median(fit.residual[bins.detector == 7]) == pytest.approx(-0.1, abs=2e-3)
    assert abs(np.median(fit.residual[bins.detector != 7])) < 1e-3


def test_the_sum_is_as_small_as_the_references_optimiser_finds_it():
    """Against L-BFGS-B on the same sum, started at the truth, which cp_pipe uses."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, 400)
    data = 1.0 + 0.3 * x + 0.1 * x**2 + rng.standard_t(2, 400) * 0.05

    def jacobian(p):
        return np.stack([np.ones_like(x), x, x**2], axis=1)

    fit = minimise_absolute(data, lambda p: jacobian(p) @ p, jacobian, np.zeros(3))
    peer = minimize(
        lambda p: np.abs(data - jacobian(p) @ p).sum(), [1.0, 0.3, 0.1], method="L-BFGS-B", tol=1e-12
    )
    assert fit.has_converged
    assert fit.mean_deviation * 400 <= peer.fun * (1 + 1e-4)


def test_bins_that_are_masked_or_dark_take_no_part():
    light = small_light()
    bins = lit(small_raft(), light)
    value = bins.value.copy()
    value[::7], value[3::50] = np.nan, -1.0
    fit = fit_gradient(replace(bins, value=value), SMALL)
    assert not fit.used[::7].any()
    assert not fit.used[3::50].any()
    np.testing.assert_allclose(profile_of(fit, light), VALUES, atol=1e-3)


def test_without_the_middle_detector_the_median_stands_in_and_this_is_said():
    settings = gradient_settings(LSSTCOMCAM)
    light = FlatGradient(np.array(settings.nodes), np.array([1.0, 0.997, 0.985, 0.97]), slope=(4e-4, -2.5e-4))
    bins = lit(places(LSSTCOMCAM, 12), light)
    fit = fit_gradient(bins.where(np.isin(bins.detector, (0, 2, 6, 8))), settings)
    assert "within 25 mm" in fit.warnings[0]
    np.testing.assert_allclose(fit.gradient.slope, light.slope, rtol=1e-3)
    assert fit.gradient.normalization == pytest.approx(np.median(bins.value), rel=0.02)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_flats_without_light_are_refused(value):
    bins = replace(small_raft(), value=np.full(small_raft().value.shape, value))
    with pytest.raises(CalprodError, match="middle of the focal plane"):
        fit_gradient(bins, SMALL)


def test_too_few_bins_are_refused():
    bins = lit(small_raft(), small_light())
    with pytest.raises(CalprodError, match="too few"):
        fit_gradient(bins.where(np.arange(bins.value.size) % 60 == 0), SMALL)
