"""The double spline on simulated exposures of a whole detector."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.isr.linearity import linearized
from tasks.linearity.algorithm import BinnedImages, LinearitySettings, normalize_focal_plane, solve_linearity
from tasks.linearity.fitting.reference import reference_levels
from tests.linearity.ramps import detector_ramp, measured


@pytest.fixture(scope="module")
def solved():
    ramp, binned, losses = detector_ramp(1)
    return ramp, binned, losses, solve_linearity(ramp, LinearitySettings(), binned=binned)


def nonproportionality(linearizer, losses, low=500.0):
    """Largest deviation of exact levels, once linearised, from proportionality to the light."""
    highest = min(one.turnoff for one in linearizer.amplifiers if not one.is_bad)
    linear = np.geomspace(low, highest, 60)
    worst = {}
    for one, loss in zip(linearizer.amplifiers, losses, strict=True):
        if not one.is_bad:
            ratio = linearized(measured(linear, loss), linearizer.correction(one.name)) / linear
            worst[one.name] = float(np.ptp(ratio) / 2 / ratio.mean())
    return worst


@pytest.mark.parametrize(("seed", "pattern"), [(1, 0.0), (2, 0.0), (3, 0.0), (1, 0.05), (2, 0.05)])
def test_the_injected_response_is_undone(seed, pattern):
    """Loss of 0.5 to 1.5 % with wiggles of 3 to 6 adu; the limit is 1e-4.

    An illumination that differs by 5 % between amplifiers leaves up to 4.5e-4 if, as in Rubin's cp_pipe, the
    pattern is taken as if counts were linear.
    """
    ramp, binned, losses = detector_ramp(seed, pattern=pattern)
    linearizer = solve_linearity(ramp, LinearitySettings(), binned=binned)
    assert linearizer.reasons == ()
    assert max(nonproportionality(linearizer, losses).values()) < 1e-4


def test_residuals_of_the_ramp_itself(solved):
    """Rubin cp_pipe's mock: below 1e-3, below 5e-4 for the absolute part."""
    *_, linearizer = solved
    for one in linearizer.amplifiers:
        assert one.max_residual < (5e-4 if one.name == linearizer.reference_amplifier else 1e-3)


def test_the_reference_amplifier_has_no_relative_spline(solved):
    *_, linearizer = solved
    sizes = {one.name: one.coefficients[:2].tolist() for one in linearizer.amplifiers}
    assert [name for name, (n_relative, _) in sizes.items() if n_relative == 0] == [
        linearizer.reference_amplifier
    ]
    assert len({one.coefficients.size for one in linearizer.amplifiers}) == 1


def test_levels_relative_to_the_reference(solved):
    ramp, binned, *_ = solved
    levels = reference_levels(ramp, binned, 0)
    at = int(np.argmin(np.abs(ramp.amplifiers[0].ordinate - 10_000)))
    np.testing.assert_allclose(levels.ratios[:, at], 1.0, atol=1e-3)
    # Median of 20 bins, noise 2.2e-4 each and the same in the reference image: 1e-4; 5 sigma.
    for i, amplifier in enumerate(ramp.amplifiers):
        own = levels.counts * levels.ratios[i] * levels.pattern[i]
        np.testing.assert_allclose(own, amplifier.ordinate, rtol=5e-4)


def test_bad_amplifiers_are_data(solved):
    ramp, binned, losses, _ = solved
    n = ramp.light.size
    dead, saturated, marked, good = ramp.amplifiers
    amplifiers = (
        replace(dead, ordinate=np.full(n, np.nan)),
        replace(saturated, ordinate=np.full(n, 150_000.0)),
        replace(marked, bad="no gain"),
        good,
    )
    values = binned.values.copy()
    values[:, binned.amplifier_index == 0] = np.nan
    values[:, binned.amplifier_index == 1] = 150_000.0
    linearizer = solve_linearity(
        replace(ramp, amplifiers=amplifiers),
        LinearitySettings(),
        binned=BinnedImages(binned.amplifier_index, values),
    )
    reasons = dict(linearizer.reasons)
    assert reasons.keys() == {"C10", "C11", "C12"}
    assert reasons["C10"] == "no finite turnoff"
    assert reasons["C12"] == "no gain"
    assert linearizer.reference_amplifier == "C13"
    assert nonproportionality(linearizer, losses)["C13"] < 1e-4


def test_no_reference_leaves_a_blank_linearizer(solved):
    """Rubin cp_pipe: every amplifier noisier than 12 electron."""
    ramp, binned, *_ = solved
    noisy = replace(ramp, amplifiers=tuple(replace(one, noise=13.0) for one in ramp.amplifiers))
    linearizer = solve_linearity(noisy, LinearitySettings(), binned=binned)
    assert all(one.is_bad for one in linearizer.amplifiers)
    assert "sound enough to be the reference" in linearizer.reasons[0][1]


def test_two_levels_only_are_too_few():
    ramp, binned, _ = detector_ramp(2)
    keep = np.r_[0:2, 198:200]
    few = replace(
        ramp,
        light=ramp.light[keep],
        amplifiers=tuple(
            replace(one, ordinate=one.ordinate[keep], keep=one.keep[keep]) for one in ramp.amplifiers
        ),
    )
    linearizer = solve_linearity(
        few, LinearitySettings(), binned=BinnedImages(binned.amplifier_index, binned.values[keep])
    )
    assert all(one.is_bad for one in linearizer.amplifiers)
    assert "are needed" in linearizer.reasons[0][1]


def test_missing_or_foreign_images_are_refused(solved):
    ramp, binned, *_ = solved
    with pytest.raises(CalprodError, match="needs binned images"):
        solve_linearity(ramp, LinearitySettings())
    with pytest.raises(CalprodError, match="199 binned images for 200"):
        solve_linearity(
            ramp, LinearitySettings(), binned=BinnedImages(binned.amplifier_index, binned.values[1:])
        )
    with pytest.raises(CalprodError, match="bins"):
        BinnedImages(binned.amplifier_index[1:], binned.values)


def test_the_focal_plane_agrees_on_the_lamp():
    """A lamp that wanders by 1e-3, unseen by exposure times: every detector sees it."""
    random = np.random.default_rng(8)
    lamp = 1.0 + 1e-3 * random.normal(size=200)
    linearizers = []
    for seed in (1, 2, 3):
        ramp, binned, _ = detector_ramp(seed, n_amplifiers=2)
        amplifiers = tuple(replace(one, ordinate=one.ordinate * lamp) for one in ramp.amplifiers)
        images = BinnedImages(binned.amplifier_index, binned.values * lamp[:, None])
        linearizers.append(
            solve_linearity(replace(ramp, amplifiers=amplifiers), LinearitySettings(), binned=images)
        )
    result = normalize_focal_plane(np.arange(200), ramp.light, tuple(linearizers))
    seen = result.normalization
    used = np.array([one.mask for one in linearizers[0].amplifiers]).all(axis=0)
    # The splines have taken up the slow part of the lamp's wandering: 20 nodes of 200 points.
    assert np.corrcoef(seen[used], lamp[used])[0, 1] > 0.9
    assert (seen / lamp)[used].std() < 0.5 * lamp[used].std()
    assert np.isfinite(result.mean).all()


def test_nothing_to_normalise_by_is_refused(solved):
    ramp, *_, linearizer = solved
    with pytest.raises(CalprodError, match="cannot normalise"):
        normalize_focal_plane(np.arange(200), ramp.light, ())
    with pytest.raises(CalprodError, match="cannot normalise 199"):
        normalize_focal_plane(np.arange(199), ramp.light[1:], (linearizer,))
