"""Statistics of a map of defects, of its change, and of exposures with and without it."""

import math

import numpy as np
import pytest

from infra.images import CorrectedExposure, MaskPlane
from tasks.defects.algorithm import DefectReason, settings_for
from tasks.defects.run.completeness import LEAST_EXPOSURES, Completeness
from tasks.defects.verify import churn_statistics, exposure_statistics, map_statistics
from tests.defects.detectors import LATISS, MOCK, detector

SHAPE = MOCK.image_shape
N = 5100
"""Pixels of an amplifier."""
LAYOUT = detector(2, 2, 150, 200, gain=2.0)


def reasons(*defects):
    found = np.zeros(SHAPE, np.uint16)
    for x0, y0, width, height, reason in defects:
        found[y0 : y0 + height, x0 : x0 + width] |= np.uint16(reason)
    return found


def test_a_map_is_counted_by_amplifier_and_reason():
    found = map_statistics(
        reasons(
            (0, 0, 200, 5, DefectReason.EDGE),
            (3, 2, 1, 1, DefectReason.HOT),
            (60, 0, 1, 51, DefectReason.COLUMN | DefectReason.COLD),
            (100, 153, 100, 51, DefectReason.DEAD),
        ),
        MOCK,
    )
    first, last, whole = found["C00"], found["C13"], found[""]
    assert (first["N_HOT"], first["N_COLD"], first["N_COLUMN"], first["N_EDGE"]) == (1, 51, 51, 500)
    assert (first["N_BAD_COLUMNS"], first["N_DEFECT_PIXELS"]) == (1, 546)
    assert first["FRACTION"] == 546 / N
    # The pixel that is hot at the edge counts without the edges, too, and so do those of the column.
    assert first["FRACTION_WITHOUT_EDGES"] == 52 / N
    assert (last["FRACTION"], last["N_DEAD"]) == (1.0, N)
    assert (whole["N_DEAD_AMPLIFIERS"], whole["N_BAD_COLUMNS"], whole["N_PIXELS"]) == (1, 1, 8 * N)
    assert whole["FRACTION"] == (546 + 500 + N) / (8 * N)
    # The dead amplifier has a test of its own, and a waiver where it is known.
    assert whole["FRACTION_WITHOUT_EDGES"] == pytest.approx(52 / (7 * N))


def test_a_detector_that_is_dead_as_a_whole_is_not_forgiven():
    whole = map_statistics(np.full(SHAPE, DefectReason.DEAD, np.uint16), MOCK)[""]
    assert (whole["FRACTION_WITHOUT_EDGES"], whole["N_DEAD_AMPLIFIERS"]) == (1.0, 8)


def test_new_and_gone_defects_are_told_by_reason_and_edges_are_no_change():
    now = reasons(
        (0, 0, 200, 5, DefectReason.EDGE), (50, 20, 2, 2, DefectReason.HOT), (9, 9, 1, 1, DefectReason.HOT)
    )
    before = reasons((9, 9, 1, 1, DefectReason.COLD), (60, 20, 1, 3, DefectReason.COLD))
    found = churn_statistics(now, before, MOCK)
    for values in (found["C00"], found[""]):
        assert (values["N_NEW"], values["N_NEW_HOT"], values["N_NEW_COLD"]) == (4, 4, 0)
        assert (values["N_GONE"], values["N_GONE_COLD"], values["N_GONE_HOT"]) == (3, 3, 0)
        assert values["GONE_FRACTION"] == 0.75
    assert found[""]["NEW_FRACTION"] == 4 / (8 * N)
    assert found["C10"]["N_NEW"] == found["C10"]["GONE_FRACTION"] == 0


def residual(image, mask=None, unit="adu"):
    mask = np.zeros(image.shape, np.uint16) if mask is None else mask
    return CorrectedExposure(
        image.astype(np.float32), mask, np.full(image.shape, np.nan, np.float32), unit, {}
    )


@pytest.fixture
def noise():
    return np.random.default_rng(4).normal(10.0, 3.0, LAYOUT.image_shape)


def test_outliers_count_where_the_map_does_not_mask_them(noise):
    box = LAYOUT.amplifiers[0].image_box
    noise[20, 30:40] = -500.0
    noise[50, 60] = -400.0
    defects = np.zeros(LAYOUT.image_shape, bool)
    defects[20, 30:40] = True
    values = exposure_statistics(residual(noise), LAYOUT, defects).amplifiers["C00"]
    assert (values["DEFECT_PIXELS"], values["FRAC"]) == (10, 10 / box.area)
    assert values["UNMASKED_OUTLIERS"] == values["OUTLIERS"] + 10
    # In electron, at a gain of 2 electron/adu.
    assert (values["UNMASKED_MIN"], values["MIN"]) == (-1000.0, -800.0)
    assert values["MEDIAN"] == pytest.approx(20.0, abs=6 * 6.0 * 1.25 / math.sqrt(box.area))
    assert values["STDEV"] == pytest.approx(6.0, rel=6 / math.sqrt(2 * box.area))
    assert values["STAT_OUTLIERS"] == 1
    assert values["EXPECTED_OUTLIERS"] == pytest.approx(5.733e-7 * (box.area - 10), rel=1e-3)
    assert values["EXCESS_OUTLIERS"] == 0.0  # one pixel may be chance
    in_electron = exposure_statistics(residual(noise, unit="electron"), LAYOUT, defects)
    assert in_electron.amplifiers["C00"]["MIN"] == -400.0


def test_outliers_beyond_chance_are_told_as_a_fraction(noise):
    noise[::20, :150:15] -= 100.0  # 10 x 10 in each of the two amplifiers to the left
    found = exposure_statistics(residual(noise), LAYOUT, np.zeros(LAYOUT.image_shape, bool))
    values = found.amplifiers["C00"]
    assert values["STAT_OUTLIERS"] == 100
    assert values["EXCESS_OUTLIERS"] == pytest.approx((100 - 5.04) / 30000, rel=1e-2)
    assert found.detector["STAT_OUTLIERS"] == 200


def test_noise_alone_has_no_excess_and_cosmic_rays_are_not_outliers(noise):
    noise[100, 40:90] += 1000.0
    found = exposure_statistics(residual(noise), LAYOUT, np.zeros(LAYOUT.image_shape, bool))
    assert all(values["EXCESS_OUTLIERS"] == 0.0 for values in found.amplifiers.values())
    assert 50 <= found.amplifiers["C00"]["N_COSMIC_RAY_PIXELS"] <= 55
    assert found.amplifiers["C00"]["STAT_OUTLIERS"] <= 1


def test_an_amplifier_masked_throughout_or_without_numbers_has_no_value(noise):
    defects = np.zeros(LAYOUT.image_shape, bool)
    defects[LAYOUT.amplifiers[0].image_box.slices] = True
    noise[LAYOUT.amplifiers[1].image_box.slices] = np.nan
    mask = np.zeros(LAYOUT.image_shape, np.uint16)
    mask[LAYOUT.amplifiers[2].image_box.slices] = MaskPlane.SAT
    found = exposure_statistics(residual(noise, mask), LAYOUT, defects)
    for one in LAYOUT.amplifiers[:3]:
        assert math.isnan(found.amplifiers[one.name]["EXCESS_OUTLIERS"])
    # The first is a defect, and known to be one.
    assert set(found.problems) == {one.name for one in LAYOUT.amplifiers[1:3]}
    assert math.isfinite(found.amplifiers[LAYOUT.amplifiers[3].name]["STDEV"])


def completeness(n_darks, n_flats):
    """Exposures with a hot and a cold pixel, a cosmic ray in each, and a pixel that is hot in few."""
    tracker = Completeness(LATISS, {kind: settings_for(kind, "LATISS") for kind in ("bias", "dark", "flat")})
    random = np.random.default_rng(8)
    for kind, n, level, width in (("dark", n_darks, 0.0, 6.0), ("flat", n_flats, 10_000.0, 100.0)):
        for i in range(n):
            image = random.normal(level, width, LATISS.image_shape)
            if kind == "dark":
                image[40, 50] = 600.0
                image[60, 70 + i] = 5000.0
                image[80, 90] = 600.0 if i < n // 2 else 0.0
            else:
                image[300, 400] = 5000.0
            tracker.add(residual(image), kind, 60.0)
    return tracker


def test_what_most_exposures_show_belongs_in_the_map():
    tracker = completeness(5, 4)
    found = np.zeros(LATISS.image_shape, np.uint16)
    values = tracker.statistics(found)[""]
    assert (values["N_PERSISTENT"], values["N_MISSED"], values["COMPLETENESS"]) == (2, 2, 0.0)
    found[40, 50], found[300, 400] = DefectReason.HOT, DefectReason.COLD
    by_place = tracker.statistics(found)
    assert (by_place[""]["N_MISSED"], by_place[""]["COMPLETENESS"]) == (0, 1.0)
    assert sum(values["N_PERSISTENT"] for name, values in by_place.items() if name) == 2


def test_what_no_exposure_shows_is_unconfirmed_unless_it_has_another_reason():
    found = np.zeros(LATISS.image_shape, np.uint16)
    found[300, 400:402] = DefectReason.COLD
    found[200:210, 500] = DefectReason.COLD | DefectReason.COLUMN
    found[10, 10] = DefectReason.MANUAL
    values = completeness(0, 4).statistics(found)[""]
    assert (values["N_UNCONFIRMED"], values["UNCONFIRMED_FRACTION"]) == (1, 0.5)
    # Hot pixels show in biases or darks, of which there are none.
    found[5, 5] = DefectReason.HOT
    assert completeness(0, 4).statistics(found)[""]["N_UNCONFIRMED"] == 1


def test_too_few_exposures_tell_nothing():
    found = np.full(LATISS.image_shape, DefectReason.HOT, np.uint16)
    assert completeness(LEAST_EXPOSURES - 1, LEAST_EXPOSURES - 1).statistics(found)[""] == {}


def test_what_one_exposure_saturates_is_counted_once():
    """A cosmic ray that saturates is above the threshold too, and is no defect of the detector for that."""
    tracker = Completeness(LATISS, {kind: settings_for(kind, "LATISS") for kind in ("bias", "dark", "flat")})
    random = np.random.default_rng(9)
    for i in range(LEAST_EXPOSURES):
        image = random.normal(0.0, 6.0, LATISS.image_shape)
        mask = np.zeros(LATISS.image_shape, np.uint16)
        image[100, 110 + i], mask[100, 110 + i] = 200_000.0, MaskPlane.SAT
        image[120, 130], mask[120, 130] = 200_000.0, MaskPlane.SAT
        tracker.add(residual(image, mask), "dark", 60.0)
    assert tracker.statistics(np.zeros(LATISS.image_shape, np.uint16))[""]["N_PERSISTENT"] == 1
