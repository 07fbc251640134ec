"""Bias, dark and flat: what sets one apart from another, their headers, and what they refuse."""

import weakref

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.bias.algorithm import combine_biases
from tasks.dark.algorithm import combine_darks
from tasks.flat.algorithm import combine_flats, flat_level
from tests.combine.exposures import LAYOUT, described, exposure, options

SHAPE = LAYOUT.image_shape


def stream(images, masks=None, exposure_time=0.0, dark_times=None, unit="electron", **header):
    for i, image in enumerate(images):
        dark_time = dark_times[i] if dark_times is not None else exposure_time
        mask = None if masks is None else masks[i]
        one = described(i, exposure_time, dark_time, **header)
        yield one, exposure(image, mask, unit=unit, **{"LSST ISR UNITS": unit, "LSST ISR FINAL MEAN C10": i})


def noise(n, mean=0.0, sigma=8.0, seed=0):
    return np.random.default_rng(seed).normal(mean, sigma, (n, *SHAPE)).astype(np.float32)


def test_the_header_of_a_bias_tells_how_it_came_about():
    header = {"INSTRUME": "LATISS", "SEQNAME": "FP_ITL_2s_ir2_v25.seq", "OBSID": "AT_O", "IMGTYPE": "BIAS"}
    result = combine_biases(stream(noise(3), **header), options(expected=3))
    cards = result.image.metadata
    assert result.scales == (1.0, 1.0, 1.0)
    assert result.inputs == (2024032600000, 2024032600001, 2024032600002)
    assert (cards["OBSTYPE"], cards["EXPTIME"], cards["DARKTIME"], cards["BUNIT"]) == (
        "bias",
        0.0,
        0.0,
        "electron",
    )
    assert cards["SEQNAME"] == "FP_ITL_2s_ir2_v25.seq"
    assert cards["LSST ISR UNITS"] == "electron"
    assert cards["CALIB_CREATION_DATETIME"] == "2024-04-05T06:07:08"
    assert [cards[f"CPP_INPUT_{i}"] for i in range(3)] == list(result.inputs)
    assert not {"OBSID", "LSST ISR FINAL MEAN C10", "CPP_INPUT_3"} & set(cards)
    for name in ("C10", "C17", "C00", "C07"):
        assert cards[f"LSST CALIB BIAS {name} BADPIX-NUM"] == 0


def test_the_header_gives_the_distribution_of_each_amplifier():
    images = noise(1)
    masks = np.zeros(images.shape, np.uint16)
    box = LAYOUT.amplifier("C12").image_box
    masks[0, box.y0 + 3, box.x0 : box.x0 + 7] = MaskPlane.BAD
    result = combine_biases(stream(images, masks), options())
    cards, pixels = result.image.metadata, result.image.image[box.slices].astype(float)
    for percent in (0, 5, 16, 50, 84, 95, 100):
        assert cards[f"LSST CALIB BIAS C12 DISTRIBUTION {percent}-PCT"] == np.percentile(pixels, percent)
    assert cards["LSST CALIB BIAS C12 BADPIX-NUM"] == result.n_bad == 7
    assert cards["LSST CALIB BIAS C11 BADPIX-NUM"] == 0


def test_saturated_pixels_take_part_in_a_bias_but_not_in_a_dark_or_flat():
    images = noise(5, mean=100.0)
    masks = np.zeros(images.shape, np.uint16)
    masks[:, 4, 5] = MaskPlane.SAT
    assert combine_biases(stream(images, masks), options()).n_bad == 0
    assert combine_darks(stream(images, masks, 30.0), options()).n_bad == 1
    assert combine_flats(stream(images, masks, 2.0), options()).n_bad == 1


def test_cosmic_rays_are_left_out_of_a_dark_only():
    images = noise(6)
    masks = np.zeros(images.shape, np.uint16)
    masks[:, 4, 5] = MaskPlane.CR
    assert combine_darks(stream(images, masks, 30.0), options()).image.mask[4, 5] == MaskPlane.BAD
    assert combine_biases(stream(images, masks), options()).n_bad == 0


def test_a_dark_is_the_current_whatever_the_dark_times():
    # Mean of 5 rates with noise σ/t each, over all pixels: error √Σ(σ/t)² / 5 / √n, 5 of them.
    current, sigma, times = 0.05, 8.0, np.array([30.3, 60.2, 120.0, 300.5, 30.3])
    images = noise(5, 0.0, sigma) + (current * times[:, None, None]).astype(np.float32)
    result = combine_darks(stream(images, exposure_time=30.0, dark_times=times), options())
    error = np.sqrt(np.sum((sigma / times) ** 2)) / 5 / np.sqrt(images[0].size)
    assert result.image.image.mean(dtype=float) == pytest.approx(current, abs=6 * error)
    cards = result.image.metadata
    assert (cards["EXPTIME"], cards["DARKTIME"], cards["BUNIT"]) == (1.0, 1.0, "electron/s")
    assert [cards[f"CPP_INPUT_SCALE_{i}"] for i in range(5)] == list(times)


@pytest.mark.parametrize("dark_time", [0.0, -3.0, np.nan, np.inf])
def test_a_dark_without_a_dark_time_is_refused_by_name(dark_time):
    with pytest.raises(CalprodError, match=r"dark exposure 2024032600001 .*dark time must be above 0"):
        combine_darks(stream(noise(3), dark_times=[30.0, dark_time, 30.0]), options())


def test_a_flat_is_normalised_to_its_own_level():
    # Levels differ by a factor of 4; each exposure is divided by its own, so the flat is 1 with the shape.
    shape = 1.0 + 0.05 * np.sin(np.arange(SHAPE[1]) / 30.0)
    levels = np.array([10_000.0, 20_000.0, 40_000.0, 30_000.0, 15_000.0])
    random = np.random.default_rng(3)
    images = random.poisson(levels[:, None, None] * shape * np.ones(SHAPE)).astype(np.float32)
    result = combine_flats(stream(images, exposure_time=2.0), options())
    np.testing.assert_allclose(result.scales, levels * shape.mean(), rtol=2e-3)
    flat = result.image.image.mean(axis=0, dtype=float)
    # Photon noise of a column: √(Σ 1/level) / 5 / √ny; the common scale is known much better.
    error = np.sqrt(np.sum(1 / levels)) / 5 / np.sqrt(SHAPE[0])
    np.testing.assert_allclose(flat / flat.mean(), shape / shape.mean(), atol=6 * error)
    cards = result.image.metadata
    assert (cards["FLATSRC"], cards["OBSTYPE"], cards["BUNIT"]) == ("DOME", "flat", "")
    assert combine_flats(stream(images), options(), "TWILIGHT").image.metadata["FLATSRC"] == "TWILIGHT"


def test_the_level_of_a_flat_ignores_bad_pixels_but_not_saturated_ones():
    image = np.full(SHAPE, 100.0, np.float32)
    image[::2] = 102.0
    mask = np.zeros(SHAPE, np.uint16)
    image[:, :40], mask[:, :40] = 102.0, MaskPlane.BAD
    assert flat_level(exposure(image, mask)) == pytest.approx(101.0, abs=1e-9)
    mask[:] = MaskPlane.SAT
    assert flat_level(exposure(image, mask)) > 101.0


def test_a_flat_without_light_is_refused_by_name():
    images = noise(2, mean=1000.0)
    images[1] -= 1100.0
    with pytest.raises(CalprodError, match=r"flat exposure 2024032600001 .*needs light"):
        combine_flats(stream(images), options())


def test_exposures_in_different_units_are_refused():
    images = noise(2)

    def mixed():
        yield from stream(images[:1], unit="adu")
        yield from stream(images[1:], unit="electron")

    with pytest.raises(CalprodError, match="is in electron, the exposures before it in adu"):
        combine_biases(mixed(), options())


def test_no_exposures_are_refused():
    with pytest.raises(CalprodError, match="no exposures to combine into a bias"):
        combine_biases(iter(()), options())


def test_an_exposure_is_let_go_of_before_the_next_but_one():
    seen = []

    def source():
        for i in range(6):
            image = np.full(SHAPE, float(i), np.float32)
            seen.append(weakref.ref(image))
            yield described(i), exposure(image)
            del image

    def watched():
        for i, pair in enumerate(source()):
            assert all(past() is None for past in seen[: i - 1])
            yield pair

    combine_biases(watched(), options(expected=6))
    assert all(past() is None for past in seen)


def test_two_runs_give_the_same_bytes():
    first, second = (combine_biases(stream(noise(6)), options(n_threads=n)) for n in (1, 2))
    assert first.image.image.tobytes() == second.image.image.tobytes()
    assert first.image.metadata == second.image.metadata
