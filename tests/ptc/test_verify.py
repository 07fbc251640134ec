"""What a curve is judged by: each number against what was put in."""

from dataclasses import replace

import numpy as np
import pytest

from infra.settings.loading import load_policy
from tasks.ptc.algorithm import FitType, OutlierSettings, SolveSettings, solve_curve, to_table
from tasks.ptc.figures import figures
from tasks.ptc.quality.gains import gain_at_no_signal, held_out_gain
from tasks.ptc.quality.noise import beyond_error, noise_trend, overscan_read_noise
from tasks.ptc.solve.polynomial import CovarianceParameters
from tasks.ptc.verify import Evidence, product_statistics
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.combine.exposures import LAYOUT
from tests.ptc.curves import exact_measurements
from tests.ptc.flats import A_MATRIX, GAIN, READ_NOISE, gaussian_pairs, measured

WIDE = OutlierSettings(n_sigma=20.0)
LEVELS = tuple(np.linspace(300, 99_000, 30).tolist())
UUID = "11111111-1111-4111-8111-111111111111"


def layout(gain=1.1, read_noise=5.0):
    """Give the small LATISS other nominal values."""
    amplifiers = tuple(replace(one, gain=gain, read_noise=read_noise) for one in LAYOUT.amplifiers)
    return replace(LAYOUT, amplifiers=amplifiers)


def exact_table(spoil=None, settings=None, read_noise=5.0, **more):
    """Table of a detector whose amplifiers all lie exactly on their curve."""
    rows = [
        one
        for each in LAYOUT.amplifiers
        for one in exact_measurements(each.name, read_noise=read_noise, levels=LEVELS)
    ]
    rows = [one if spoil is None else spoil(one) for one in rows]
    return to_table(solve_curve(rows, settings or SolveSettings(FitType.FULL), more))


def verdict(measurement, name="latiss", detector_layout=None):
    known = {one.name: measurement.amplifiers.get(one.name, {}) for one in LAYOUT.amplifiers}
    record = DetectorStatistics(
        calibration="ptc",
        detector=0,
        vendor="ITL",
        calibration_uuids={"ptc": UUID},
        candidate_uuid=UUID,
        product_amplifiers=known,
        product_detector=measurement.detector,
        product_problems=dict(measurement.problems),
    )
    return evaluate([record], load_policy(f"deployments/policies/{name}.yaml"), calibration="ptc")


def failed(found):
    return {(one.test, one.amplifier) for one in (*found.failures, *found.warnings) if one.value is not None}


def test_a_sound_curve_passes_and_its_numbers_are_those_put_in():
    found = product_statistics(exact_table(), layout())
    assert found.problems == {}
    assert found.detector["N_BAD"] == 0
    assert found.detector["N_PAIRS"] == 30
    values = found.amplifiers["C10"]
    assert values["GAIN"] == pytest.approx(1.1, rel=1e-6)
    assert values["NOMINAL_GAIN"] == 1.1
    assert values["READ_NOISE"] == pytest.approx(5.0, rel=1e-4)
    assert values["OVERSCAN_NOISE"] == pytest.approx(5.0, rel=0.015)
    assert values["A00"] == pytest.approx(A_MATRIX[0, 0], rel=1e-4)
    assert values["A10"] == pytest.approx(A_MATRIX[1, 0], rel=1e-3)
    assert values["A01"] == pytest.approx(A_MATRIX[0, 1], rel=1e-3)
    assert values["A_SUM"] == pytest.approx(0.0, abs=1e-3)  # what a pixel loses its neighbours gain
    assert values["TURNOFF"] == pytest.approx(99_000.0)
    result = verdict(found)
    assert result.failures == ()
    assert failed(result) == set()
    assert result.outcome is VerdictOutcome.VERIFIED


def test_each_fault_fails_its_own_test():
    def spoil(one):
        reading = one.reading
        if one.amplifier == "C11":  # the overscan says that the noise is a third more
            reading = replace(reading, overscan_noise=1.33 * reading.overscan_noise)
        if one.amplifier == "C12":  # noise that rises with the signal
            reading = replace(reading, overscan_noise=reading.overscan_noise * (1 + one.mean / 1e6))
        gain = one.gain * 1.05 if one.amplifier == "C13" else one.gain
        return replace(one, reading=reading, gain=gain)

    found = failed(verdict(product_statistics(exact_table(spoil), layout())))
    assert ("PTC_NOISE_OVERSCAN", "C11") in found
    assert ("NOISE_SIGNAL_INDEPENDENCE", "C12") in found
    assert ("PTC_GAIN_PAIRS", "C13") in found
    assert {amplifier for _, amplifier in found} == {"C11", "C12", "C13"}


def test_gains_and_noises_are_held_against_the_nominal_ones():
    found = failed(verdict(product_statistics(exact_table(), layout(gain=1.2, read_noise=6.0))))
    assert {test for test, _ in found} == {"PTC_GAIN", "PTC_NOISE"}
    assert len(found) == 32


def test_bad_amplifiers_are_counted_and_named():
    def spoil(one):
        return replace(one, reason="no usable pixel") if one.amplifier in ("C10", "C11", "C12") else one

    found = product_statistics(exact_table(spoil), layout())
    assert found.detector["N_BAD"] == 3
    assert sorted(found.problems) == ["C10", "C11", "C12"]
    assert set(found.amplifiers) == {one.name for one in LAYOUT.amplifiers} - {"C10", "C11", "C12"}
    result = verdict(found)
    assert result.outcome is VerdictOutcome.FAILED
    assert ("PTC_BAD_AMPLIFIERS", None) in failed(result)


def test_limits_of_a00_follow_the_maker_of_the_sensor():
    policy = load_policy("deployments/policies/lsstcam.yaml")
    (test,) = [one for one in policy.tests_of("ptc") if one.test == "PTC_BFE_A00"]
    e2v, itl = (test.parameters_for({"vendor": vendor}) for vendor in ("E2V", "ITL"))
    for median in (-3.09e-6, -3.49e-6):  # before and after Run 7 (SITCOMTN-148)
        assert e2v["minimum"] < median < e2v["maximum"]
    assert itl["minimum"] < -1.70e-6 < itl["maximum"]
    assert not e2v["minimum"] < -1.70e-6 < e2v["maximum"]


def test_new_pairs_ask_for_the_gain_that_made_them():
    parameters = CovarianceParameters(GAIN, A_MATRIX, np.zeros((3, 3)))
    settings = SolveSettings(FitType.FULL_NO_B, fit_side=3, outliers=WIDE)
    curve = solve_curve(gaussian_pairs(1, parameters, READ_NOISE), settings).amplifiers[0]
    others = gaussian_pairs(2, parameters, READ_NOISE)
    found = held_out_gain(curve, settings.fit_type, others)
    assert found.n_pairs >= 18
    assert abs(found.gain - GAIN) < 4 * np.hypot(found.error, curve.gain_error)
    changed = [replace(one, mean=one.mean / 1.03, variance=one.variance / 1.03**2) for one in others]
    assert held_out_gain(curve, settings.fit_type, changed).gain / found.gain == pytest.approx(1.03, rel=0.01)
    table = to_table(replace(solve_curve(gaussian_pairs(1, parameters, READ_NOISE), settings)))
    judged = product_statistics(table, LAYOUT, Evidence(tuple(changed)))
    assert judged.amplifiers["C10"]["HELD_OUT_GAIN_EXCESS"] < -0.01
    assert judged.detector["HELD_OUT_GAIN_EXCESS"] == judged.amplifiers["C10"]["HELD_OUT_GAIN_EXCESS"]
    assert product_statistics(table, LAYOUT).detector["N_HELD_OUT"] == 0


def test_the_change_since_the_curve_in_use_is_told():
    """Of exact points: what is left beyond three errors is all but the whole change."""
    curve = solve_curve(exact_measurements(), SolveSettings(FitType.FULL))
    one = curve.amplifiers[0]
    changed = replace(one, gain=one.gain / 1.03, noise=one.noise * 1.1, parameters=one.parameters * 2)
    former = replace(curve, amplifiers=(changed,))
    found = product_statistics(to_table(curve), LAYOUT, Evidence(certified=former))
    for values in (found.amplifiers["C10"], found.detector):
        assert values["GAIN_CHANGE"] == pytest.approx(0.03, rel=1e-3)
        assert values["NOISE_CHANGE"] == pytest.approx(1 / 1.1 - 1, rel=0.01)
        assert values["A00_CHANGE"] == pytest.approx(-0.5, rel=0.01)
    warned = {(test, amplifier) for test, amplifier in failed(verdict(found)) if test.endswith("CHANGE")}
    assert warned == {("PTC_GAIN_CHANGE", None), ("PTC_NOISE_CHANGE", None), ("PTC_A00_CHANGE", None)}


def test_a_change_within_the_errors_is_none():
    curve = solve_curve(exact_measurements(), SolveSettings(FitType.FULL))
    one = curve.amplifiers[0]
    former = replace(curve, amplifiers=(replace(one, gain=one.gain / 1.03, gain_error=0.02),))
    found = product_statistics(to_table(curve), LAYOUT, Evidence(certified=former))
    assert found.detector["GAIN_CHANGE"] == 0.0
    bad = replace(curve, amplifiers=(replace(one, reason="noisy"),))
    found = product_statistics(to_table(curve), LAYOUT, Evidence(certified=bad))
    assert np.isnan(found.detector["GAIN_CHANGE"])


def test_single_pairs_carried_on_to_no_signal_have_the_true_gain():
    """Their own gains are up to 15 % too high."""
    settings = SolveSettings(FitType.FULL_NO_B, fit_side=3, outliers=WIDE)
    found = []
    for seed in range(4):
        one = solve_curve(measured(seed), settings).amplifiers[0]
        assert one.series.gains[-1] > 1.1 * GAIN
        found.append(gain_at_no_signal(one))
    gains, errors = np.array([(one.gain, one.error) for one in found]).T
    assert np.mean(gains) == pytest.approx(GAIN, abs=4 * np.mean(errors) / np.sqrt(4))
    assert np.abs((gains - GAIN) / errors).max() < 4


def test_noise_that_does_not_depend_on_the_signal_has_a_ratio_of_one():
    """Von Neumann's ratio of 25 values scatters by √(23 / 624); the mean of 400 by a twentieth of that."""
    random = np.random.default_rng(1)
    signals = np.linspace(100, 90_000, 25)
    found = np.array([noise_trend(signals, random.normal(6, 0.02, 25)).chi_squared for _ in range(400)])
    assert found.mean() == pytest.approx(1.0, abs=0.05)
    assert found.std() == pytest.approx(np.sqrt(23 / 624), rel=0.25)


def test_noise_that_rises_with_the_signal_shows_however_it_is_sorted():
    random = np.random.default_rng(2)
    signals = random.permutation(np.linspace(100, 90_000, 25))
    trend = noise_trend(signals, 6.0 * (1 + 0.02 * signals / 90_000) + random.normal(0, 0.02, 25))
    assert trend.chi_squared > 2.5
    assert trend.slope == pytest.approx(0.02, abs=4 * trend.slope_error)
    assert np.isnan(noise_trend(signals[:4], signals[:4]).chi_squared)


def test_deviations_are_what_is_left_beyond_three_errors():
    assert beyond_error(1.10, 1.0, 0.02) == pytest.approx(0.04)
    assert beyond_error(0.90, 1.0, 0.02) == pytest.approx(-0.04)
    assert beyond_error(1.05, 1.0, 0.02) == 0.0
    assert np.isnan(beyond_error(1.0, np.nan, 0.1))


def test_the_overscan_noise_is_corrected_for_its_clip():
    samples = np.random.default_rng(3).normal(0, 5.0, (40, 20_000))
    clipped = [row[np.abs(row) < 15.0].std() for row in samples]
    assert overscan_read_noise(np.array(clipped)) == pytest.approx(5.0, rel=3e-3)
    assert np.isnan(overscan_read_noise(np.array([np.nan])))


@pytest.mark.parametrize(
    ("settings", "number"),
    [(SolveSettings(FitType.FULL), 6), (SolveSettings(), 4)],
    ids=["full", "exponential"],
)
def test_figures_show_the_curve(settings, number):
    def spoil(one):
        return replace(one, reason="no usable pixel") if one.amplifier == "C10" else one

    drawn = figures(exact_table(spoil, settings))
    assert len(drawn) == number
    assert drawn[0].title == "Variance against mean"
    assert "C10 (bad, adu)" in drawn[0].svg
    assert "C10" not in drawn[1].svg
    for one in drawn:
        assert one.caption
        assert "NaN" not in one.svg
        assert len(one.svg) < 120_000


def test_figures_of_a_detector_without_a_good_amplifier_show_its_points():
    table = exact_table(lambda one: replace(one, reason="no usable pixel"))
    assert [one.title for one in figures(table)] == ["Variance against mean"]
