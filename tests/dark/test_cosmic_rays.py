"""Cosmic rays are left out of a dark, however few its exposures; hot pixels are not."""

import logging

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.combine.cosmic_ray_rejection import candidates_of
from tasks.combine.cosmic_rays import CosmicRayRules
from tasks.dark.algorithm import combine_darks
from tests.combine.exposures import described, exposure, options
from tests.defects.detectors import LATISS as LAYOUT
from tests.verification.simulated import cosmic_ray_tracks

SHAPE = LAYOUT.image_shape
OPTIONS = options(layout=LAYOUT)
SIGMA = 7.0
DARK_TIME = 60.0
CURRENT = 0.1


def darks(n, *, seed=0, tracks=20, hot=None, masks=None, unit="electron", dark_times=None, scale=1.0):
    """Exposures, and the charge that cosmic rays left in each (electron)."""
    random = np.random.default_rng(seed)
    pairs, charges = [], []
    for i in range(n):
        time = DARK_TIME if dark_times is None else dark_times[i]
        rate = CURRENT + (0.0 if hot is None else hot)
        charge = cosmic_ray_tracks(random, SHAPE, tracks)
        image = random.poisson(rate * time, SHAPE) + random.normal(0.0, SIGMA, SHAPE) + charge
        mask = None if masks is None else masks[i]
        pairs.append((described(i, time, time), exposure(image / scale, mask, SIGMA**2, unit)))
        charges.append(charge)
    return pairs, np.array(charges)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 12])
def test_a_dark_of_few_exposures_is_free_of_cosmic_rays(n):
    pairs, charges = darks(n, seed=n)
    dark = combine_darks(iter(pairs), OPTIONS).image
    hit = charges.max(axis=0) > 10 * SIGMA
    assert np.count_nonzero(hit) > 50
    # What is left of a track stands within the noise: its pixels are a sample like any other of the dark.
    # One of some hundred reaches 5 sigma once in ten thousand tests; a missed hit of 10 sigma leaves 2 to 5.
    noise = np.sqrt(SIGMA**2 + CURRENT * DARK_TIME) / DARK_TIME
    clean = dark.image[hit & (dark.mask == 0)] - CURRENT
    assert clean.size > 0.95 * np.count_nonzero(hit)
    assert clean.max() < 5 * noise
    # Below the threshold of growth, 3 sigma, a little charge of the tracks' ends remains, at most.
    assert clean.mean() < 4 * noise / np.sqrt(clean.size) + 0.2 * noise
    numbers = [dark.metadata[f"CPP_INPUT_CR_{i}"] for i in range(n)]
    assert all(number >= np.count_nonzero(charges[i] > 10 * SIGMA) for i, number in enumerate(numbers))


def test_without_the_finder_they_stay_in_a_dark_of_three():
    pairs, charges = darks(3, seed=3)
    dark = combine_darks(iter(pairs), OPTIONS, cosmic_rays=None).image
    assert (dark.image[charges.max(axis=0) > 10 * SIGMA] > 10 * SIGMA / DARK_TIME / 3).any()
    assert "CPP_INPUT_CR_0" not in dark.metadata


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("dark_times", [None, (30.0, 90.0, 60.0, 30.0, 120.0, 45.0, 60.0, 30.0)])
def test_hot_pixels_keep_their_current_though_they_look_like_cosmic_rays(n, dark_times):
    random = np.random.default_rng(1)
    hot = np.zeros(SHAPE)
    places = random.choice(hot.size, 200, replace=False)
    # From 1.5 to 100 electron/s: some are above the threshold in one exposure and below in another.
    hot.flat[places] = np.geomspace(1.5, 100.0, places.size)
    pairs, _ = darks(n, seed=11, tracks=0, hot=hot, dark_times=dark_times)
    dark = combine_darks(iter(pairs), OPTIONS).image
    assert not dark.mask.any()
    times = np.array([one.dark_time for one, _ in pairs])
    variance = ((hot.flat[places] + CURRENT) * times[:, None] + SIGMA**2) / times[:, None] ** 2
    deviation = (dark.image.flat[places] - hot.flat[places] - CURRENT) / np.sqrt(variance.sum(axis=0)) * n
    # Mean of 200 unit deviations, to five sigma; a pixel rejected where it is high would pull it down.
    assert abs(deviation.mean()) < 5 / np.sqrt(places.size)
    assert abs(deviation).max() < 6


def test_a_single_exposure_has_nothing_to_compare_with_and_every_candidate_counts():
    pairs, charges = darks(1, seed=5)
    dark = combine_darks(iter(pairs), OPTIONS).image
    hit = charges[0] > 10 * SIGMA
    assert (dark.mask[hit] == MaskPlane.BAD).all()
    assert dark.image[hit].max() < CURRENT + 5 * SIGMA / DARK_TIME


def test_a_cosmic_ray_that_saturates_goes_with_its_surroundings():
    masks = np.zeros((3, *SHAPE), np.uint16)
    masks[1, 20, 30] = MaskPlane.SAT
    pairs, _ = darks(3, tracks=0, masks=masks)
    image = pairs[1][1].image
    image[20, 30], image[20, 31], image[20, 32] = 1e5, 12.0, 12.0
    dark = combine_darks(iter(pairs), OPTIONS).image
    assert dark.metadata["CPP_INPUT_CR_1"] == 12  # thirteen within 2 pixels, of which one is SAT anyway
    assert dark.mask[20, 30] == 0


def test_darks_in_adu_are_judged_by_the_charge_they_stand_for():
    gain = LAYOUT.amplifiers[0].gain
    hot = np.zeros(SHAPE)
    hot[::8, ::8] = 50.0
    pairs, charges = darks(3, seed=4, hot=hot, unit="adu", scale=gain)
    dark = combine_darks(iter(pairs), OPTIONS).image
    assert not dark.mask.any()
    is_hot = hot > 0
    # Photon noise of 50 electron/s over 3 x 60 s; the mean of the pixels is within six of its errors.
    error = np.sqrt(50 / DARK_TIME / 3 / np.count_nonzero(is_hot))
    untouched = is_hot & (charges.max(axis=0) == 0)
    assert dark.image[untouched].mean() * gain == pytest.approx(50.1, abs=6 * error)
    assert dark.image[(charges.max(axis=0) > 10 * SIGMA) & ~is_hot].max() * gain < CURRENT + 1.0


def test_where_everything_looks_like_a_cosmic_ray_the_finder_only_warns(caplog):
    pairs, _ = darks(3, tracks=0)
    box = LAYOUT.amplifiers[2].image_box
    spikes = np.random.default_rng(0).random(box.shape) < 0.15
    pairs[1][1].image[box.slices][spikes] += 5000.0
    with caplog.at_level(logging.WARNING):
        dark = combine_darks(iter(pairs), OPTIONS).image
    assert f"exposure 2024032600001: too many pixels of {LAYOUT.amplifiers[2].name}" in caplog.text
    assert not dark.mask.any()
    assert dark.metadata["CPP_INPUT_CR_1"] == 0


def test_an_amplifier_that_is_dead_or_not_a_number_is_left_alone():
    pairs, _ = darks(3, tracks=0)
    image = pairs[0][1].image
    image[LAYOUT.amplifiers[0].image_box.slices] = np.nan
    image[LAYOUT.amplifiers[1].image_box.slices] = 0.0
    image[LAYOUT.amplifiers[1].image_box.y0, LAYOUT.amplifiers[1].image_box.x0] = 50.0
    assert candidates_of(pairs[0][1], LAYOUT, CosmicRayRules()).pixels.size == 0
    assert not combine_darks(iter(pairs), OPTIONS).image.mask.any()


def test_a_known_hot_pixel_keeps_its_own_rate_and_a_bad_amplifier_stays_bad():
    hot = np.zeros(SHAPE)
    hot[20, 30] = 40.0
    bad = LAYOUT.amplifiers[0]  # not the one of the hot pixel
    mask = np.zeros(SHAPE, np.uint16)
    mask[19:22, 29:32] = np.uint16(MaskPlane.BAD)
    mask[bad.image_box.slices] = np.uint16(MaskPlane.BAD)
    pairs, _ = darks(8, seed=8, tracks=0, hot=hot, masks=[mask.copy() for _ in range(8)])
    dark = combine_darks(iter(pairs), OPTIONS).image
    noise = np.sqrt((40.0 + CURRENT) * DARK_TIME + SIGMA**2) / DARK_TIME / np.sqrt(8)
    assert dark.image[20, 30] == pytest.approx(40.0 + CURRENT, abs=5 * noise)
    assert not dark.mask[19:22, 29:32].any()
    assert (dark.mask[bad.image_box.slices] & np.uint16(MaskPlane.BAD)).all()
