"""Amplifiers and pairs that cannot be used: results with reasons, which leave the others alone."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from tasks.ptc.algorithm import (
    ExtractSettings,
    FitType,
    OutlierSettings,
    SolveSettings,
    measure_pair,
    solve_curve,
)
from tests.combine.exposures import LAYOUT
from tests.ptc.curves import exact_measurements
from tests.ptc.flats import description, flat, measured

WIDE = OutlierSettings(n_sigma=20.0)
"""Rejection for images far smaller than an amplifier, whose variances scatter more."""


def exposure(images, mask=0):
    image = np.zeros(LAYOUT.image_shape, np.float32)
    for amplifier, pixels in zip(LAYOUT.amplifiers, images, strict=True):
        image[amplifier.image_box.slices] = pixels
    return CorrectedExposure(
        image, np.full(image.shape, mask, np.uint16), np.ones(image.shape, np.float32), "adu"
    )


def detector_measurements(spoil, levels=(500, 2000, 6000, 12_000, 20_000, 30_000, 45_000, 60_000)):
    """Flats of a small LATISS with some amplifiers spoilt: spoil(name, level, pixels, mask) in place."""
    random = np.random.default_rng(5)
    shape = LAYOUT.amplifiers[0].image_box.shape
    rows = []
    for i, level in enumerate(levels):
        flats = []
        for _ in range(2):
            one = exposure([flat(random, level, shape, a_matrix=None) for _ in LAYOUT.amplifiers])
            for amplifier in LAYOUT.amplifiers:
                box = amplifier.image_box.slices
                spoil(amplifier.name, level, one.image[box], one.mask[box])
            flats.append(one)
        settings = ExtractSettings(matrix_side=3, minimum_pixels=200)
        rows += measure_pair(*flats, LAYOUT, description(i, level), settings=settings)
    return rows


def test_bad_amplifiers_are_results_and_leave_the_others_alone():
    random = np.random.default_rng(6)

    def spoil(name, level, pixels, mask):
        if name == "C10":
            pixels[...] = random.normal(0.05, 6.0, pixels.shape)
        if name == "C11":
            pixels[...] = np.nan
        if name == "C12":
            pixels[...], mask[...] = 65_000, MaskPlane.SAT
        if name == "C13":
            pixels[...] = 65_000
        if name == "C14":
            mask[...] = MaskPlane.NO_DATA
        if name == "C15":
            pixels[...] = 0
        if name == "C16" and level not in (2000, 30_000):
            mask[...] = MaskPlane.SAT

    clean = solve_curve(detector_measurements(lambda *_: None), SolveSettings(outliers=WIDE))
    assert clean.bad_amplifiers == ()
    for fit_type in FitType:
        curve = solve_curve(detector_measurements(spoil), SolveSettings(fit_type, outliers=WIDE))
        reasons = {one.name: one.reason for one in curve.amplifiers if one.is_bad}
        assert list(curve.bad_amplifiers) == ["C10", "C11", "C12", "C13", "C14", "C15", "C16"]
        assert "no light" in reasons["C10"] or "mean signal" in reasons["C10"]
        assert "no usable pixel" in reasons["C11"]
        assert "no usable pixel" in reasons["C12"]
        assert "no noise" in reasons["C13"]
        assert "no usable pixel" in reasons["C14"]
        assert "mean signal of 0 adu" in reasons["C15"]
        assert "2 usable pairs" in reasons["C16"]
        bad = curve.amplifier("C11")
        assert np.isnan([bad.gain, bad.noise, bad.turnoff, bad.a00]).all()
        assert not bad.kept.any()
        assert bad.covariances_model.shape == (8, 3, 3)
        if fit_type is FitType.EXPONENTIAL:
            for one, other in zip(curve.amplifiers, clean.amplifiers, strict=True):
                if not one.is_bad:
                    assert one.gain == other.gain


def test_two_flux_levels_with_many_pairs_are_too_few():
    rows = [
        replace(one, pair=description(100 * k + i, 1.0))
        for k in range(3)
        for i, one in enumerate(exact_measurements(levels=(2000, 30_000)))
    ]
    one = solve_curve(rows).amplifiers[0]
    assert one.reason == "6 usable pairs at 2 flux levels; the curve needs at least 3"


def test_fewer_pairs_than_lags_make_the_full_fit_refuse_and_not_the_exponential():
    rows = measured(1, (120, 120), levels=(1000, 9000, 30_000, 60_000, 80_000), settings=ExtractSettings(6))
    assert solve_curve(rows, SolveSettings(outliers=WIDE)).bad_amplifiers == ()
    bad = solve_curve(rows, SolveSettings(FitType.FULL, outliers=WIDE)).amplifiers[0]
    assert "fewer than the 6 lags" in (bad.reason or "")


def test_all_amplifiers_bad_is_a_result_too():
    rows = [replace(one, reason="no usable pixel", mean=np.nan) for one in exact_measurements()]
    curve = solve_curve(rows)
    assert curve.bad_amplifiers == ("C10",)
    assert "none of 30 pairs is usable" in (curve.amplifiers[0].reason or "")


def test_a_gain_that_no_ccd_has_is_refused():
    curve = solve_curve(exact_measurements(gain=30.0))
    assert "30 electron/adu" in (curve.amplifiers[0].reason or "") or curve.amplifiers[0].is_bad


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "0 pairs"),
        (exact_measurements()[:1], "1 pairs"),
        (exact_measurements() * 2, "measured twice"),
        (exact_measurements() + exact_measurements("C11", side=2), "lags"),
    ],
    ids=["none", "one pair", "twice", "different lags"],
)
def test_measurements_that_do_not_belong_together_are_refused(rows, message):
    with pytest.raises(CalprodError, match=message):
        solve_curve(rows)


def test_more_lags_than_measured_cannot_be_fitted():
    with pytest.raises(CalprodError, match="4 lags"):
        solve_curve(exact_measurements(), SolveSettings(FitType.FULL, fit_side=4))


def test_flats_in_electron_are_refused():
    one = exposure([np.ones(LAYOUT.amplifiers[0].image_box.shape)] * 16)
    with pytest.raises(CalprodError, match="the gain is what is sought"):
        measure_pair(one, replace(one, unit="electron"), LAYOUT, description(0, 1.0))
