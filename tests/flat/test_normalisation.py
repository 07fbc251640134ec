"""Levels of flats over the focal plane: the lamp told from the detectors."""

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.geometry import SegmentModel
from infra.instruments.lsstcomcam import LSSTCOMCAM
from tasks.flat.levels.measuring import (
    WHOLE,
    FlatLevel,
    levels_from_tables,
    levels_table,
    measure_levels,
)
from tasks.flat.levels.normalisation import decompose, normalise
from tasks.flat.levels.scales_table import scales_from_table, scales_table

RESPONSE = np.array([0.9, 1.0, 1.05, 1.05])
BRIGHTNESS = np.array([20_000.0, 21_000.0, 18_500.0, 22_000.0, 19_000.0])
WEIGHTS = np.full((4, 5), 1e6)


def truth():
    return RESPONSE[:, np.newaxis] * BRIGHTNESS


def test_products_come_apart_exactly():
    found = decompose(truth(), WEIGHTS)
    np.testing.assert_allclose(found.response, RESPONSE / RESPONSE.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.brightness, BRIGHTNESS * RESPONSE.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.residual, 0.0, atol=1e-12)


def test_missing_detectors_and_exposures_do_not_bias_the_others():
    """A bright detector that misses the bright exposures must not make those look fainter."""
    levels, weights = truth(), WEIGHTS.copy()
    levels[0, 0], levels[1, 1], weights[3, 1] = np.nan, -3.0, 0.0
    levels[3, 4] = 0.0
    found = decompose(levels, weights)
    ratio = found.brightness / BRIGHTNESS
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)
    np.testing.assert_allclose(found.response * ratio[0], RESPONSE, rtol=1e-10)
    assert np.isnan(found.residual[[0, 1, 3, 3], [0, 1, 1, 4]]).all()


def test_ten_rounds_are_not_enough_where_levels_are_missing():
    """A chain of detectors, each sharing but one exposure with the next, on which Rubin's ten fall short."""
    n = 12
    levels = np.full((n, n), np.nan)
    for i in range(n):
        levels[i, [i, min(i + 1, n - 1)]] = 1000.0 * 1.02**i * np.array([1.0, 1.01])
    levels[n - 1, n - 1] = 1000.0 * 1.02 ** (n - 1)
    weights = np.where(np.isfinite(levels), 1.0, 0.0)
    found = decompose(levels, weights)
    gradient = np.nansum(np.where(weights > 0, found.residual, 0.0), axis=1)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-9)  # the normal equations of the weighted squares
    np.testing.assert_allclose(np.nansum(found.residual, axis=0), 0.0, atol=1e-9)


def test_weights_decide_between_levels_that_disagree():
    levels, weights = truth(), WEIGHTS.copy()
    levels[2, 3] *= 1.10
    weights[2, 3] = 1.0
    found = decompose(levels, weights)
    assert found.residual[2, 3] == pytest.approx(np.log(1.10), abs=1e-5)
    np.testing.assert_allclose(found.response / found.response[0], RESPONSE / RESPONSE[0], rtol=1e-5)


def test_a_unit_without_levels_gets_the_mean_response():
    levels = truth()
    levels[1] = np.nan
    found = decompose(levels, WEIGHTS)
    others = np.log(np.delete(found.response, 1))
    assert np.log(found.response[1]) == pytest.approx(others.mean(), abs=1e-10)


def test_exposures_that_share_no_detector_are_refused():
    levels = np.full((4, 5), np.nan)
    levels[:2, :3], levels[2:, 3:] = truth()[:2, :3], truth()[2:, 3:]
    with pytest.raises(CalprodError, match="2 of 5 flat exposures share no detector"):
        decompose(levels, WEIGHTS)


def test_flats_without_any_light_are_refused():
    with pytest.raises(CalprodError, match="no flat has a level above zero"):
        decompose(np.full((2, 2), -1.0), np.ones((2, 2)))


def levels(*, without: tuple[tuple[int, int], ...] = ()) -> list[FlatLevel]:
    """Levels of four detectors with two amplifiers, the second a tenth brighter than the first."""
    found = []
    for detector in range(4):
        for exposure in range(5):
            if (detector, exposure) in without:
                continue
            level = float(truth()[detector, exposure])
            found.append(FlatLevel(exposure, detector, WHOLE, level, 140.0, 2000))
            found += [
                FlatLevel(exposure, detector, name, factor * level, 140.0, 1000)
                for name, factor in (("C10", 0.95), ("C11", 1.05))
            ]
    return found


@pytest.mark.parametrize("level", ["DETECTOR", "AMP"])
def test_an_exposure_has_one_scale_for_all_detectors(level):
    scales = normalise(levels(without=((1, 2),)), level)
    ratio = np.array([scales.brightness[i] for i in range(5)]) / BRIGHTNESS
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)
    names = (WHOLE,) if level == "DETECTOR" else ("C10", "C11")
    assert {name for _, name in scales.response} == set(names)
    assert np.isnan(scales.residual[1, names[0], 2]) or (1, names[0], 2) not in scales.residual


def test_an_amplifier_without_a_level_changes_nothing_for_the_others():
    """The reference writes the number of pixels into the logarithms where an amplifier has no level."""
    bad = [
        FlatLevel(one.exposure, one.detector, one.amplifier, np.nan, np.nan, 0)
        if (one.detector, one.amplifier, one.exposure) == (2, "C11", 3)
        else one
        for one in levels()
    ]
    scales, sound = normalise(bad, "AMP"), normalise(levels(), "AMP")
    for exposure in range(5):
        ratio = scales.brightness[exposure] / sound.brightness[exposure]
        assert ratio == pytest.approx(scales.brightness[0] / sound.brightness[0], rel=1e-10)


def test_an_unlit_exposure_is_named():
    dark = [FlatLevel(7, detector, WHOLE, -0.1, 5.0, 1000) for detector in range(4)]
    with pytest.raises(CalprodError, match="exposures 7 have no level"):
        normalise([*levels(), *dark])


def test_levels_of_an_exposure_leave_out_what_is_flagged():
    layout = LSSTCOMCAM.detector(4).layout(SegmentModel(40, 40, 3, 20, 24))
    rng = np.random.default_rng(1)
    image = rng.normal(20_000.0, 141.0, layout.image_shape).astype(np.float32)
    mask = np.zeros(layout.image_shape, np.uint16)
    box = layout.amplifiers[3].image_box.slices
    image[box][:5], mask[box][:5] = 9e4, MaskPlane.BAD
    image[layout.amplifiers[5].image_box.slices] = np.nan
    found = measure_levels(11, CorrectedExposure(image, mask, np.ones_like(image), "electron"), layout)
    assert [one.amplifier for one in found] == [WHOLE, *(one.name for one in layout.amplifiers)]
    whole, amplifier, lost = found[0], found[4], found[6]
    assert whole.level == pytest.approx(20_000.0, abs=5 * 141.0 / np.sqrt(whole.n_pixels))
    assert amplifier.n_pixels == 19 * 20
    assert amplifier.level == pytest.approx(20_000.0, abs=5 * 141.0 / np.sqrt(380))
    assert np.isnan(lost.level)
    assert lost.n_pixels == 0


def test_tables_give_back_what_was_put_in():
    found = levels_from_tables([levels_table(levels()[:30]), levels_table(levels()[30:])])
    assert list(found) == levels()
    for level in ("DETECTOR", "AMP"):
        scales = normalise(levels(without=((1, 2),)), level)
        again = scales_from_table(scales_table(scales))
        assert (again.level, again.brightness, again.response) == (
            scales.level,
            scales.brightness,
            scales.response,
        )
        assert again.residual.keys() == scales.residual.keys()


@pytest.mark.parametrize(
    ("read", "what"), [(scales_from_table, "scales"), (lambda t: levels_from_tables([t]), "levels")]
)
def test_a_table_of_something_else_is_refused(read, what):
    with pytest.raises(CalprodError, match=f"flat {what} has no column"):
        read(Table({"exposure": [1]}))
