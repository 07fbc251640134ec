"""Statistics of a residual agree with plain numpy, leave out what they should, and never crash on nothing."""

import math

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from infra.instruments import camera
from tasks.verification.cosmic_rays import CosmicRayRules
from tasks.verification.statistics import (
    amplifier_corner,
    amplifier_statistics,
    detector_statistics,
    population_scatter,
)
from tests.verification.simulated import GAIN, N_PIXELS, READ_NOISE, noise_image, residual, small_layout

LAYOUT = small_layout()


def clipped_deviation(values: np.ndarray) -> float:
    """Return the 5-sigma 3-pass clipped deviation, written anew from its definition (Rubin afw)."""
    values = values.astype(np.float64)
    first, centre, third = np.percentile(values, [25, 50, 75])
    sigma = 0.741301109 * (third - first)
    for _ in range(3):
        kept = values[np.abs(values - centre) <= 5 * sigma]
        centre, sigma = kept.mean(), kept.std(ddof=1)
    return float(sigma)


@pytest.mark.parametrize("seed", range(3))
def test_statistics_agree_with_plain_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = noise_image(rng, mean=0.3)
    image[rng.random(image.shape) < 1e-3] += rng.exponential(500.0)
    measured = detector_statistics(residual(image), LAYOUT)
    for amplifier in LAYOUT.amplifiers:
        values, pixels = measured.amplifiers[amplifier.name], image[amplifier.image_box.slices]
        corner = image[amplifier_corner(amplifier).slices]
        assert values["MEAN"] == pytest.approx(pixels.mean(dtype=np.float64), rel=1e-9)
        assert values["MEDIAN"] == pytest.approx(np.median(pixels), rel=1e-6)
        assert values["NOISE"] == pytest.approx(clipped_deviation(pixels.ravel()), rel=1e-7)
        assert values["AMP_CORNER"] == pytest.approx(corner.mean(dtype=np.float64), rel=1e-9)
        assert values["N_PIXELS"] == N_PIXELS


def test_noise_and_mean_are_those_put_in() -> None:
    measured = detector_statistics(residual(noise_image(np.random.default_rng(7), mean=1.5)), LAYOUT)
    for values in measured.amplifiers.values():
        # Four standard errors of the mean and of the standard deviation of 12000 pixels.
        assert abs(values["MEAN"] - 1.5) < 4 * READ_NOISE / math.sqrt(N_PIXELS)
        assert abs(values["NOISE"] - READ_NOISE) < 4 * READ_NOISE / math.sqrt(2 * N_PIXELS)


def test_mean_is_plain_and_noise_is_clipped() -> None:
    image = np.zeros(LAYOUT.image_shape, np.float32)
    image[::2, :] = 2.0
    image[0, 0] = 12000.0
    values = amplifier_statistics(
        residual(image), next(a for a in LAYOUT.amplifiers if a.image_box.x0 == a.image_box.y0 == 0)
    )
    assert values["MEAN"] == pytest.approx(1.0 + (12000.0 - 2.0) / N_PIXELS)
    assert values["NOISE"] == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("plane", list(MaskPlane), ids=lambda plane: plane.name)
def test_only_detected_bad_and_no_data_are_left_out(plane: MaskPlane) -> None:
    image = np.ones(LAYOUT.image_shape, np.float32)
    mask = np.zeros(image.shape, np.uint16)
    image[::10, ::10], mask[::10, ::10] = 101.0, plane
    out = plane in (MaskPlane.DETECTED, MaskPlane.BAD, MaskPlane.NO_DATA)
    for values in detector_statistics(residual(image, mask), LAYOUT).amplifiers.values():
        assert values["MEAN"] == pytest.approx(1.0 if out else 2.0)
        assert values["N_PIXELS"] == (0.99 if out else 1.0) * N_PIXELS


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_left_out(value: float) -> None:
    image = np.full(LAYOUT.image_shape, 3.0, np.float32)
    image[::10, ::10] = value
    for values in detector_statistics(residual(image), LAYOUT, CosmicRayRules()).amplifiers.values():
        assert (values["MEAN"], values["MEDIAN"], values["NOISE"]) == (3.0, 3.0, 0.0)
        assert values["N_PIXELS"] == 0.99 * N_PIXELS


@pytest.mark.parametrize("how", ["masked", "nan"])
def test_amplifier_without_pixels_has_no_values_and_spoils_no_other(how: str) -> None:
    image = noise_image(np.random.default_rng(3))
    mask = np.zeros(image.shape, np.uint16)
    dead = LAYOUT.amplifiers[5]
    if how == "masked":
        mask[dead.image_box.slices] = MaskPlane.BAD
    else:
        image[dead.image_box.slices] = np.nan
    measured = detector_statistics(residual(image, mask), LAYOUT, CosmicRayRules())
    values = measured.amplifiers[dead.name]
    assert values["N_PIXELS"] == 0
    assert all(math.isnan(values[name]) for name in ("MEAN", "MEDIAN", "NOISE", "CR_NOISE", "AMP_CORNER"))
    assert measured.problems == {}
    others = [v["MEAN"] for name, v in measured.amplifiers.items() if name != dead.name]
    assert measured.detector["MEAN"] == pytest.approx(np.mean(others))
    assert measured.detector["SCATTER"] == pytest.approx(np.std(others))


def test_detector_without_pixels_has_no_values() -> None:
    measured = detector_statistics(residual(np.full(LAYOUT.image_shape, np.nan)), LAYOUT)
    assert math.isnan(measured.detector["MEAN"])
    assert math.isnan(measured.detector["SCATTER"])


def test_gain_and_noises_come_from_the_header() -> None:
    values = amplifier_statistics(residual(noise_image(np.random.default_rng(1))), LAYOUT.amplifiers[0])
    assert (values["GAIN"], values["READ_NOISE"]) == (GAIN, READ_NOISE)
    assert values["READ_NOISE_ADU"] == READ_NOISE / GAIN


def test_header_without_noises_gives_nan() -> None:
    full = residual(noise_image(np.random.default_rng(1)))
    bare = CorrectedExposure(full.image, full.mask, full.variance, "electron", {})
    values = amplifier_statistics(bare, LAYOUT.amplifiers[0])
    assert all(math.isnan(values[name]) for name in ("GAIN", "READ_NOISE", "READ_NOISE_ADU"))


def test_residual_in_adu_is_refused() -> None:
    full = residual(noise_image(np.random.default_rng(1)))
    adu = CorrectedExposure(full.image, full.mask, full.variance, "adu", {})
    with pytest.raises(CalprodError, match="is in adu"):
        detector_statistics(adu, LAYOUT)


def test_residual_of_another_shape_is_refused() -> None:
    with pytest.raises(CalprodError, match="shape"):
        detector_statistics(residual(np.zeros((10, 10))), LAYOUT)


@pytest.mark.parametrize("instrument", ["LATISS", "LSSTCam"])
def test_corner_of_a_full_amplifier_is_200_pixels_square_at_the_readout(instrument: str) -> None:
    layout = camera(instrument).detectors[0].layout()
    for amplifier in layout.amplifiers:
        corner, box = amplifier_corner(amplifier), amplifier.image_box
        assert corner.shape == (200, 200)
        lower, left = amplifier.readout_corner[0] == "L", amplifier.readout_corner[1] == "L"
        assert (corner.y0 == box.y0) if lower else (corner.y1 == box.y1)
        assert (corner.x0 == box.x0) if left else (corner.x1 == box.x1)


def test_corner_of_a_small_amplifier_is_in_proportion_and_inside() -> None:
    for amplifier in LAYOUT.amplifiers:
        corner, box = amplifier_corner(amplifier), amplifier.image_box
        assert corner.shape == (12, 39)
        assert box.x0 <= corner.x0 < corner.x1 <= box.x1
        assert box.y0 <= corner.y0 < corner.y1 <= box.y1


def test_glow_in_the_readout_corner_is_seen_there() -> None:
    image = noise_image(np.random.default_rng(5))
    amplifier = LAYOUT.amplifiers[2]
    image[amplifier_corner(amplifier).slices] += 20.0
    values = amplifier_statistics(residual(image), amplifier)
    assert abs(values["AMP_CORNER"] - 20.0) < 4 * READ_NOISE / math.sqrt(12 * 39)


def test_scatter_is_that_of_a_population() -> None:
    assert population_scatter([1.0, 3.0, math.nan]) == 1.0
    assert population_scatter([2.0]) == 0.0
    assert math.isnan(population_scatter([]))
