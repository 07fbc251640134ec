"""The flat of a spectrograph from flats whose parts are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.spectro_flat.algorithm import SpectroFlatSettings, scaled_gains, spectro_flat
from tasks.spectro_flat.steps.mesh import mesh_background
from tasks.spectro_flat.steps.smoothing import smooth_response
from tests.spectro_flat.flats import GAINS, LAYOUT, NAMES, NOISE, RESPONSE, combined, pixels

MEAN_GAIN = float(np.mean(list(GAINS.values())))


def of_amplifier(image, name):
    return image[LAYOUT.amplifier(name).image_box.slices]


def test_the_flat_is_pixel_times_inverse_gain_by_the_letter():
    """The recipe written out once more, for one amplifier: Rubin cp_pipe, CpSpectroFlatTask."""
    flat = combined()
    found = spectro_flat(flat, LAYOUT, GAINS)
    n = of_amplifier(flat.image, "C12").astype(np.float64)
    n /= np.median(n)
    low, high = np.percentile(n, [1, 99])
    optic = uniform_filter(np.where((n < low) | (n > high), 1.0, n), size=40, mode="mirror")
    pixel = n / optic
    pixel /= mesh_background(pixel, np.ones(n.shape, bool))
    expected = pixel / (GAINS["C12"] / MEAN_GAIN)
    # float32 has seven digits
    np.testing.assert_allclose(of_amplifier(found.image, "C12"), expected, rtol=2e-7)
    assert found.gain_mean == pytest.approx(MEAN_GAIN)
    assert found.gains["C12"] == pytest.approx(GAINS["C12"] / MEAN_GAIN)
    cards = found.cards()
    assert cards["LSST CP SPECTROFLAT GAIN MEAN"] == pytest.approx(MEAN_GAIN)
    assert cards["LSST CP SPECTROFLAT GAIN C12"] == pytest.approx(GAINS["C12"] / MEAN_GAIN)


@pytest.mark.parametrize("smoothing", ["mean", "gauss"])
def test_the_response_of_the_pixels_is_found_and_that_of_the_optics_is_gone(smoothing):
    """Noise of the flat is 0.002. Windows and boxes of 20 pixels take 0.01/20 of the response with them."""
    found = spectro_flat(combined(), LAYOUT, GAINS, SpectroFlatSettings(smoothing=smoothing, window=20))
    truth = pixels()
    for name in NAMES:
        level = MEAN_GAIN / GAINS[name]
        departure = of_amplifier(found.image, name) / level - of_amplifier(truth, name)
        assert abs(np.median(departure)) < 1e-3
        assert np.std(departure) < np.hypot(NOISE, 3 * RESPONSE / 20)
        # Blocks of 40 x 40 hardly know of the 3 % of the optics.
        blocks = departure.reshape(5, 40, 3, 40).mean(axis=(1, 3))
        assert np.std(blocks) < 1e-3


def test_a_median_smooths_too():
    image = combined().image[:60, :60].astype(np.float64)
    usable = np.ones(image.shape, bool)
    found = smooth_response(image, usable, smoothing="median", window=9)
    np.testing.assert_array_equal(found, median_filter(image, size=9, mode="mirror"))
    found = smooth_response(image, usable, smoothing="gauss", window=9, mode="nearest")
    np.testing.assert_array_equal(found, gaussian_filter(image, 9, mode="nearest"))


def test_the_background_may_stay():
    settings = SpectroFlatSettings(remove_background=False)
    with_it, without = (spectro_flat(combined(), LAYOUT, GAINS, one).image for one in (settings, None))
    assert np.std(with_it / without) > 1e-4


def test_direction_and_scale_of_the_gains_can_be_chosen():
    flat = combined()
    divided = spectro_flat(flat, LAYOUT, GAINS)
    multiplied = spectro_flat(flat, LAYOUT, GAINS, SpectroFlatSettings(divide_by_gains=False))
    plain = spectro_flat(flat, LAYOUT, GAINS, SpectroFlatSettings(scale_gains=False))
    assert plain.gain_mean == 1.0
    for name in NAMES:
        one = of_amplifier(divided.image, name)
        gain = GAINS[name] / MEAN_GAIN
        np.testing.assert_allclose(of_amplifier(multiplied.image, name), one * gain**2, rtol=1e-6)
        np.testing.assert_allclose(of_amplifier(plain.image, name), one / MEAN_GAIN, rtol=1e-6)


def test_the_variance_goes_with_the_square_of_what_was_divided_by():
    found = spectro_flat(combined(), LAYOUT, GAINS)
    relative = of_amplifier(np.sqrt(found.variance), "C00") / of_amplifier(found.image, "C00")
    expected = NOISE / of_amplifier(combined().image, "C00")
    np.testing.assert_allclose(relative, expected, rtol=1e-5)


def test_bad_pixels_take_no_part_and_are_one():
    """Two bad columns and a blob: in the reference they pull at window and mesh around them."""
    box = LAYOUT.amplifier("C11").image_box
    bad = [(slice(box.y0, box.y1), slice(box.x0 + 50, box.x0 + 52)), (slice(20, 30), slice(140, 150))]
    flat, clean = combined(bad=bad), combined()
    for place in bad:
        flat.image[place] = 0.2
    flat.image[5, 5] = np.nan
    found, expected = (spectro_flat(one, LAYOUT, GAINS) for one in (flat, clean))
    is_bad = found.mask & np.uint16(MaskPlane.BAD) != 0
    assert is_bad[5, 5]
    assert is_bad[bad[0]].all()
    assert np.isfinite(found.image).all()
    assert (found.image[bad[0]] == np.float32(MEAN_GAIN / GAINS["C11"])).all()
    assert (found.variance[is_bad] == 0).all()
    sound = ~is_bad
    # Of a window a twentieth counts as 1, and not as the 3 % that the optics are off: 0.0015, and the mesh.
    assert np.abs(found.image[sound] / expected.image[sound] - 1.0).max() < 3e-3


def test_an_amplifier_without_gain_or_light_has_no_flat_and_says_why():
    flat = combined()
    of_amplifier(flat.image, "C13")[...] = 0.0
    of_amplifier(flat.mask, "C07")[:150] |= np.uint16(MaskPlane.BAD)
    gains = {name: gain for name, gain in GAINS.items() if name != "C05"} | {"C06": float("nan")}
    found = spectro_flat(flat, LAYOUT, gains)
    assert dict(found.reasons) == {
        "C13": "it has no light",
        "C07": "less than half of its pixels are usable",
        "C06": "it has no gain",
        "C05": "it has no gain",
    }
    for name in found.reasons:
        assert (of_amplifier(found.image, name) == 1.0).all()
        assert (of_amplifier(found.mask, name) & np.uint16(MaskPlane.BAD) != 0).all()
    assert set(found.gains) == set(NAMES) - set(found.reasons)
    assert found.cards()["CALPROD SPECTROFLAT BAD C13"] == "it has no light"
    # The mean is over gains that exist; with a NaN among them the reference's is NaN.
    assert found.gain_mean == pytest.approx(np.mean([gains[n] for n in NAMES if n not in ("C05", "C06")]))


def test_scaled_gains_of_nothing():
    assert scaled_gains({"C00": float("nan"), "C01": -1.0}) == (1.0, {})


def test_without_any_good_amplifier_there_is_an_error():
    with pytest.raises(CalprodError, match=r"no amplifier of detector RXX_S00 .*it has no gain"):
        spectro_flat(combined(), LAYOUT, {})


def test_a_flat_of_another_size_is_refused():
    flat = combined()
    other = type(flat)(flat.image[:-1], flat.mask[:-1], flat.variance[:-1], {})
    with pytest.raises(CalprodError, match=r"shape \(399, 960\)"):
        spectro_flat(other, LAYOUT, GAINS)
