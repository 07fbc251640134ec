"""Verification: a true kernel passes, and each planted fault fails by name."""

from dataclasses import replace

import numpy as np
import pytest

from infra.images import CalibrationImage
from infra.settings.loading import load_policy
from tasks.brighter_fatter.checking.excess import excess_of
from tasks.brighter_fatter.checking.pairs import ordered_pairs
from tasks.brighter_fatter.figures import figures
from tasks.brighter_fatter.verify import product_statistics
from tasks.flat_pairs.pair_statistics import ExtractSettings, measure_amplifier_pair
from tasks.flat_pairs.pairing import Pairing
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.brighter_fatter.simulated import (
    TIMES,
    exchanged,
    kernel_table,
    sequence,
    verified,
)
from tests.ptc.flats import description

UUID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module")
def kernels():
    return kernel_table()


@pytest.fixture(scope="module")
def sound(kernels):
    return verified(kernels)


def record_of(result):
    record = DetectorStatistics.model_validate(result.statistics)
    return record.model_copy(update={"calibration_uuids": {"bfk": UUID}, "candidate_uuid": UUID})


def verdict(result, camera="latiss"):
    return evaluate(
        [record_of(result)], load_policy(f"deployments/policies/{camera}.yaml"), calibration="bfk"
    )


def failed(found):
    return {one.test for one in (*found.failures, *found.warnings) if one.value is not None}


def errors_of(found):
    return {one.test for one in found.failures}


@pytest.mark.parametrize("camera", ["latiss", "lsstcomcam", "lsstcam"])
def test_a_true_kernel_passes(sound, camera):
    found = verdict(sound, camera)
    assert errors_of(found) == set()
    assert found.outcome is VerdictOutcome.VERIFIED
    values = record_of(sound).product_detector
    assert values["N_PAIRS"] == sum(6000.0 * time > 10_000 for time in TIMES) == 8
    # Three of its own standard errors each: one draw in 120 of three numbers would miss.
    for name in ("A00", "C10", "C01"):
        assert abs(values[f"{name}_RESIDUAL"]) < 3.5 * values[f"{name}_RESIDUAL_ERROR"] + 0.05
    assert values["AXES"] == pytest.approx(1.0, abs=0.3)
    assert values["AXES_CONTRADICTION"] < -5


def test_exchanged_axes_fail_by_name(kernels):
    found = verdict(verified(exchanged(kernels)))
    assert {"BFK_AXES", "BFK_C10_RESIDUAL", "BFK_C01_RESIDUAL"} <= errors_of(found)
    assert found.outcome is VerdictOutcome.FAILED


def test_a_kernel_of_half_the_strength_fails_by_name(kernels):
    weak = kernels.copy()
    for column in ("KERNEL", "MEAN_XCORRS", "DETECTOR_KERNEL"):
        weak[column] = 0.5 * np.asarray(kernels[column])
    found = verdict(verified(weak, most_pairs=6))
    assert "BFK_A00_RESIDUAL" in errors_of(found)
    assert "BFK_AXES" not in failed(found)


def test_a_kernel_of_the_wrong_sign_fails_by_name(kernels):
    wrong = kernels.copy()
    for column in ("KERNEL", "MEAN_XCORRS", "DETECTOR_KERNEL"):
        wrong[column] = -np.asarray(kernels[column])
    found = verdict(verified(wrong, most_pairs=6))
    assert {"BFK_A00_RESIDUAL", "BFK_C01_RESIDUAL", "BFK_AXES"} <= errors_of(found)
    assert "BFK_CENTRE" in failed(found)


def test_invalid_amplifiers_are_counted_and_named(kernels, sound):
    spoiled = kernels.copy()
    spoiled["VALID"][:5] = False
    spoiled["REASON"] = ["the lowest value is at lag (1, 0) and not in the centre"] * 16
    layout = sequence().sensor.layout
    product = product_statistics(spoiled, layout)
    assert product.detector["N_INVALID"] == 5
    assert list(product.problems) == [one.name for one in layout.amplifiers[:5]]
    assert "lowest value" in next(iter(product.problems.values()))


def test_without_flats_nothing_passes(kernels):
    found = verdict(verified(kernels, Pairing((), ())))
    assert found.outcome is VerdictOutcome.COULD_NOT_RUN
    missing = {one.test for one in found.could_not_run}
    assert {"BFK_A00_RESIDUAL", "BFK_C10_RESIDUAL", "BFK_C01_RESIDUAL", "BFK_AXES"} <= missing


def test_flats_that_are_new_to_the_kernel_come_first(kernels):
    pairing = sequence().pairing()
    inputs = [card for card in kernels.meta if str(card).startswith("CPP_INPUT_")]
    assert len(inputs) >= 2 * len(TIMES)
    some = kernels.copy()
    for card in inputs:
        del some.meta[card]
    new = pairing.pairs[-3:]
    old = [one for pair in pairing.pairs[:-3] for one in pair.exposures]
    some.meta.update({f"CPP_INPUT_{i}": one for i, one in enumerate(old)})
    values = record_of(verified(some)).product_detector
    assert values["N_PAIRS"] == len(new)
    assert values["N_HELD_OUT"] == len(new)
    assert record_of(verified(kernels, replace(pairing, pairs=new))).product_detector["N_HELD_OUT"] == 0


def test_the_metrics_have_their_names_and_units(sound):
    rows = list(metric_rows([record_of(sound)], campaign="c", calibration="bfk"))
    names = {row.metric for row in rows}
    assert {"bfk.a00_residual", "bfk.c10_residual", "bfk.centre", "bfk.axes", "bfk.invalid"} <= names
    assert {row.unit for row in rows if row.metric == "bfk.centre"} == {"1/electron"}
    assert {row.amplifier for row in rows if row.metric == "bfk.a00_residual"} >= {"C10", "C00"}


def test_the_figures_show_the_kernel_and_what_it_leaves(kernels, sound):
    drawn = figures(kernels)
    titles = ["Brighter-fatter kernel", "Profiles of the kernel", "Centres of the kernels"]
    assert [one.title for one in drawn] == [*titles, "Correlations against the signal"]
    (before_after,) = figures(sound.covariances)
    assert "corrected" in str(before_after.svg)
    assert all(str(one.svg).startswith("<svg") and len(one.svg) < 200_000 for one in (*drawn, before_after))
    assert figures(sound.covariances[:0]) == ()


def test_pairs_are_tried_evenly_until_there_are_enough():
    pairs = sequence().pairing().pairs
    ordered, is_held_out = ordered_pairs(pairs, frozenset(), 4)
    times = [pair.exposure_time for pair in ordered]
    assert sorted(times) == sorted(TIMES)
    assert times[:4] == sorted(TIMES, reverse=True)[::4]
    assert is_held_out
    inputs = frozenset(pair.first.exposure for pair in pairs)
    assert ordered_pairs(pairs, inputs, 100) == (tuple(reversed(pairs)), False)


def test_in_the_order_of_2024_the_kernel_is_applied_too(kernels):
    shape = sequence().sensor.layout.image_shape
    planes = np.zeros(shape, np.float32), np.zeros(shape, np.uint16), np.zeros(shape, np.float32)
    blank = CalibrationImage(*planes, {"LSST ISR UNITS": "adu", "DARKTIME": 1.0})
    result = verified(kernels, most_pairs=3, bias=blank, dark=blank, order="2024-04")
    values = record_of(result).product_detector
    assert values["N_PAIRS"] == 3
    assert abs(values["A00_RESIDUAL"]) < 4.0 * values["A00_RESIDUAL_ERROR"] + 0.05


def test_saturated_pairs_are_not_judged():
    """Their variance is gone, so that their weight would be endless; their mean is like the others'."""
    random = np.random.default_rng(1)
    flats = [random.normal(50_000, 210, (100, 100)).astype(np.float32) for _ in range(4)]
    full = [np.minimum(one, np.float32(49_600.0)) for one in flats[2:]]
    settings = ExtractSettings(matrix_side=3, minimum_pixels=1000)
    sound, saturated = (
        measure_amplifier_pair("C10", tuple(pair), None, description(i, 1.0), None, settings)
        for i, pair in enumerate((flats[:2], full))
    )
    assert saturated.mean < sound.mean
    both, gains = (sound, saturated), {"C10": 1.0}
    before, after = excess_of(both, both, gains, {"C10": 51_000.0})["C10"]
    np.testing.assert_array_equal(before.signals, [sound.mean])
    np.testing.assert_array_equal(after.signals, [sound.mean])
    assert excess_of(both, both, gains, {"C10": 0.99 * sound.mean}) == {}
    assert excess_of(both, both, {"C10": np.nan}, {"C10": 51_000.0}) == {}
