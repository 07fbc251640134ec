"""Gains made consistent across a detector by its flats."""

import numpy as np
import pytest

from infra.images import MaskPlane
from infra.instruments.geometry import Box
from tasks.flat_pairs.binned_flat import bin_grid, bin_pixels
from tasks.flat_pairs.sequence import BinnedExposure
from tasks.ptc.algorithm import PairDescription, solve_curve
from tasks.ptc.solve.adjustment import adjust_to_flats, adjustment_table
from tasks.ptc.solve.gain_ratio import (
    adjust_gains,
    choose_flats,
    gain_ratios,
    reference_amplifier,
)
from tests.ptc.curves import exact_measurements

NAMES = tuple(f"C1{i}" for i in range(4)) + tuple(f"C0{i}" for i in range(4))
BOXES = {name: Box(60 * (i % 4), 160 * (i // 4), 60, 160) for i, name in enumerate(NAMES)}
TRUE = dict(zip(NAMES, (1.0, 1.02, 0.97, 1.05, 1.1, 0.99, 1.01, 1.03), strict=True))
GRID = bin_grid(list(BOXES.values()), (320, 240), edge=6, size=8)


def lit(gains=TRUE, level=20_000.0, seed=1):
    """Flat (adu) of a sensor of these gains under a bright centre, with photon noise."""
    y, x = np.indices((320, 240))
    light = level * (1.0 - 0.10 * ((x - 130) / 240) ** 2 - 0.06 * ((y - 150) / 320) ** 2 + 0.03 * x / 240)
    electrons = np.random.default_rng(seed).poisson(light)
    image = np.zeros(light.shape, np.float32)
    for name, box in BOXES.items():
        image[box.slices] = electrons[box.slices] / gains[name]
    return image, np.zeros(light.shape, np.uint16)


def binned(image, mask=None):
    return bin_pixels(image, np.ones(image.shape, bool) if mask is None else mask == 0, GRID)


def ratios(wrong, image=None, mask=None, fixed="C11"):
    values = binned(lit()[0] if image is None else image, mask)
    gains = np.array([wrong[name] for name in NAMES])
    found = gain_ratios(GRID, values, gains, NAMES.index(fixed))
    return dict(zip(NAMES, found.tolist(), strict=True))


def test_ratios_of_right_gains_are_one():
    """An amplifier has 7104 pixels of 0.7 % noise: its median is known to 1e-4, the field beside it worse."""
    assert list(ratios(TRUE).values()) == pytest.approx([1.0] * 8, abs=1e-3)


def test_wrong_gains_show_in_their_ratios():
    """Begun with ratios of 1, as cp_pipe does, ten rounds leave errors of 6e-3 here."""
    errors = dict(zip(NAMES, (0.0, 0.0, 0.01, -0.012, 0.02, 0.004, -0.006, 0.0), strict=True))
    wrong = {name: TRUE[name] * (1 + errors[name]) for name in NAMES}
    found = ratios(wrong)
    for name in NAMES:
        assert found[name] == pytest.approx(1 + errors[name], abs=1.5e-3)


def test_a_grossly_wrong_gain_does_not_bend_the_field_of_the_others():
    wrong = TRUE | {"C03": TRUE["C03"] * 1.12}
    found = ratios(wrong)
    assert found.pop("C03") == pytest.approx(1.12, abs=3e-3)
    assert list(found.values()) == pytest.approx([1.0] * 7, abs=2e-3)


def test_an_amplifier_without_usable_pixels_has_no_ratio():
    image, mask = lit()
    mask[BOXES["C00"].slices] = MaskPlane.BAD
    image[BOXES["C01"].slices] = np.nan
    found = ratios(TRUE, image, mask)
    assert np.isnan([found.pop("C00"), found.pop("C01")]).all()
    assert list(found.values()) == pytest.approx([1.0] * 6, abs=2e-3)


def test_the_shadows_of_dust_do_not_bend_the_field():
    """Rings of 4 %, the same in every flat: with all bins in the fit, corner amplifiers were 3 % off."""
    image, mask = lit()
    y, x = np.indices(image.shape)
    for row, column in ((40, 20), (300, 230), (250, 30), (60, 130), (170, 205)):
        radius = np.hypot(y - row, x - column)
        image[(radius > 10) & (radius < 26)] *= 0.96
    assert list(ratios(TRUE, image, mask).values()) == pytest.approx([1.0] * 8, abs=2.5e-3)


def test_without_the_reference_amplifier_there_are_no_ratios():
    image, mask = lit()
    mask[BOXES["C11"].slices] = MaskPlane.SAT
    assert np.isnan(list(ratios(TRUE, image, mask).values())).all()


def curve(noise=5.0, **gains):
    """Curve of exact points."""
    return solve_curve(
        one
        for name in NAMES
        for one in exact_measurements(name, gain=gains.get(name, TRUE[name]), read_noise=noise)
    )


def test_gains_are_divided_by_their_ratios_to_the_typical_one():
    wrong = {
        name: TRUE[name] * factor for name, factor in zip(NAMES, np.linspace(0.99, 1.01, 8), strict=True)
    }
    unadjusted = curve(**wrong)
    fixed = reference_amplifier(unadjusted)
    assert fixed is not None
    gains = {one.name: one.gain for one in unadjusted.amplifiers}
    flats = [BinnedExposure(s, dict.fromkeys(NAMES, 19_000.0), binned(lit(seed=s)[0])) for s in range(4)]
    flats.append(BinnedExposure(9, dict.fromkeys(NAMES, 30_000.0), np.full(GRID.x.size, np.nan, np.float32)))
    adjusted = adjust_to_flats(unadjusted, GRID, flats)
    table = adjustment_table(adjusted)
    assert table["exp_id"].tolist() == [0, 1, 2, 3]  # the last is too bright
    assert set(table["fixed_amp_name"]) == {fixed}
    assert table["C10_gain_ratio"].shape == (4,)
    assert adjusted.reference == fixed
    relative = np.array([one.gain / TRUE[one.name] for one in adjusted.curve.amplifiers])
    assert np.ptp(relative) < 3e-3 < np.ptp(np.linspace(0.99, 1.01, 8))
    for one in adjusted.curve.amplifiers:
        assert one.gain_unadjusted == gains[one.name]
        assert adjusted.ratios[one.name].shape == (4,)


def test_the_reference_is_of_median_gain_low_noise_and_high_turnoff():
    assert reference_amplifier(curve()) in NAMES
    assert reference_amplifier(curve(noise=13.0)) is None


def test_without_a_reference_nothing_changes():
    unadjusted = curve(noise=13.0)
    adjusted = adjust_gains(unadjusted, None, [dict.fromkeys(NAMES, 1.1)])
    assert adjusted.curve is unadjusted
    assert "fewer than two" in (adjusted.reason or "")
    assert "no flat" in (adjust_gains(unadjusted, "C11", []).reason or "")


def test_an_amplifier_without_ratio_keeps_its_gain():
    unadjusted = curve()
    found = dict.fromkeys(NAMES, 1.02) | {"C10": np.nan, "C12": 1.03}
    adjusted = adjust_gains(unadjusted, "C11", [found]).curve
    assert adjusted.amplifier("C10").gain == unadjusted.amplifier("C10").gain
    assert adjusted.amplifier("C12").gain == pytest.approx(unadjusted.amplifier("C12").gain * 1.02 / 1.03)


def test_flats_are_chosen_by_their_mean_and_the_same_every_time():
    means = np.linspace(0, 30_000, 301)
    chosen = choose_flats(means)
    assert chosen.size == 50
    assert means[chosen].min() > 1000
    assert means[chosen].max() < 20_000
    np.testing.assert_array_equal(chosen, choose_flats(means))
    assert (np.diff(chosen) > 0).all()
    few = choose_flats(means[::20])
    assert few.size == 9
    assert PairDescription((1, 2), 1.0, 60_000.0).auxiliary == ()
