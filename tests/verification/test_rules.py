"""Each rule at, inside and outside its limits, and never a verdict from a value that is missing."""

import math

import pytest

from infra.settings.rules import RULES as DECLARED_RULES
from tasks.verification.model import Outcome
from tasks.verification.rules import RULES, RuleResult, Subject, apply_rule
from tests.verification.simulated import GAIN, READ_NOISE, good_values


def apply(rule: str, statistic: str, parameters: dict[str, float], **values: float) -> RuleResult:
    return apply_rule(rule, Subject(good_values() | values, statistic, "electron"), parameters)


def test_every_rule_a_policy_may_name_exists_and_no_other() -> None:
    assert set(RULES) == set(DECLARED_RULES)


@pytest.mark.parametrize(
    ("mean", "outcome"),
    [(0.49, "pass"), (-0.49, "pass"), (0.51, "fail"), (-0.51, "fail"), (math.nan, "could-not-run")],
)
def test_mean_is_near_zero_within_the_floor(mean: float, outcome: str) -> None:
    result = apply("mean_near_zero", "MEAN", {"floor": 0.5}, MEAN=mean)
    assert result.outcome == outcome


def test_mean_of_three_electron_passes_the_reference_form_and_fails_ours() -> None:
    # cp_verify asks |MEAN| < NOISE: a pedestal of 3 electron under a noise of 8 passes unseen.
    assert abs(3.0) < good_values()["NOISE"]
    result = apply("mean_near_zero", "MEAN", {"floor": 0.5, "scatter_factor": 5.0}, MEAN=3.0)
    assert (result.outcome, result.value, result.upper_limit) == (Outcome.FAIL, 3.0, 0.5)
    assert result.reason == "MEAN 3 electron is above 0.5"


@pytest.mark.parametrize(
    ("scatter", "parameters", "limit"),
    [
        (0.0, {"floor": 0.5, "scatter_factor": 5.0}, 0.5),
        (0.2, {"floor": 0.5, "scatter_factor": 5.0}, 1.0),
        (0.2, {"floor": 0.5}, 0.5),
        (4.0, {"floor": 0.5, "scatter_factor": 5.0, "ceiling": 2.0}, 2.0),
    ],
)
def test_limit_of_the_mean_follows_the_reference_scatter(scatter, parameters, limit) -> None:
    subject = Subject({"MEAN": 0.0}, "MEAN", "electron", reference_scatter=scatter)
    result = apply_rule("mean_near_zero", subject, parameters)
    assert (result.lower_limit, result.upper_limit) == (-limit, limit)


@pytest.mark.parametrize(
    ("noise", "outcome"),
    [
        (8.0, "pass"),
        (8.39, "pass"),
        (8.41, "fail"),
        (7.61, "pass"),
        (7.59, "fail"),
        (math.nan, "could-not-run"),
    ],
)
def test_noise_is_two_sided(noise: float, outcome: str) -> None:
    assert apply("noise_within", "NOISE", {"tolerance": 0.05}, NOISE=noise).outcome == outcome


def test_small_frame_is_allowed_the_error_of_its_own_standard_deviation() -> None:
    # 8192 pixels know their standard deviation to 1/sqrt(2 x 8192) = 0.78 %; four of these are 3.1 %.
    tolerance = {"tolerance": 0.05}
    assert (
        apply("noise_within", "NOISE", tolerance, NOISE=1.08 * READ_NOISE, N_PIXELS=8192.0).outcome == "pass"
    )
    assert (
        apply("noise_within", "NOISE", tolerance, NOISE=1.09 * READ_NOISE, N_PIXELS=8192.0).outcome == "fail"
    )
    assert (
        apply("noise_within", "NOISE", tolerance, NOISE=1.06 * READ_NOISE, N_PIXELS=1.0e6).outcome == "fail"
    )


def test_dead_amplifier_passes_the_reference_form_and_fails_ours() -> None:
    dead = 0.1
    assert (dead - READ_NOISE) / READ_NOISE <= 0.05  # cp_verify's one-sided NOISE
    result = apply("noise_within", "NOISE", {"tolerance": 0.05}, NOISE=dead)
    assert result.outcome is Outcome.FAIL
    assert result.reason == "NOISE 0.1 electron is below 7.6 (expected 8)"


def test_noise_is_compared_with_the_noise_model_where_there_is_one() -> None:
    values = good_values() | {"NOISE": 9.0, "EXPECTED_NOISE": 9.0}
    assert apply_rule("noise_within", Subject(values, "NOISE"), {"tolerance": 0.05}).outcome == "pass"
    del values["EXPECTED_NOISE"]
    assert apply_rule("noise_within", Subject(values, "NOISE"), {"tolerance": 0.05}).outcome == "fail"


@pytest.mark.parametrize(
    ("noise", "clean", "outcome"),
    [
        (8.39, 8.0, "pass"),
        (8.41, 8.0, "fail"),
        (7.59, 8.0, "fail"),
        (0.0, 0.0, "pass"),
        (8, math.nan, "could-not-run"),
    ],
)
def test_clipped_noise_agrees_with_noise_without_cosmic_rays(noise, clean, outcome) -> None:
    result = apply("cr_noise_within", "CR_NOISE", {"tolerance": 0.05}, NOISE=noise, CR_NOISE=clean)
    assert result.outcome == outcome


def test_processing_fails_with_the_reason_it_gave_up_for() -> None:
    assert apply("no_processing_failure", "PROCESSING", {}).outcome is Outcome.PASS
    subject = Subject({}, "PROCESSING", problem="the cosmic-ray finder gave up")
    result = apply_rule("no_processing_failure", subject, {})
    assert (result.outcome, result.reason) == (Outcome.FAIL, "the cosmic-ray finder gave up")


@pytest.mark.parametrize("statistic", ["READ_NOISE", "READ_NOISE_ADU"])
@pytest.mark.parametrize(("ratio", "outcome"), [(1.04, "pass"), (1.06, "fail"), (0.94, "fail")])
def test_overscan_noise_in_electron_agrees_with_the_read_noise(statistic, ratio, outcome) -> None:
    # A policy may name either statistic; comparing READ_NOISE with itself would always pass.
    adu = ratio * READ_NOISE / GAIN
    result = apply("read_noise_consistent", statistic, {"tolerance": 0.05}, READ_NOISE_ADU=adu)
    assert result.outcome == outcome
    assert result.value == pytest.approx(ratio * READ_NOISE)
    assert result.unit == "electron"


FLAT = {"tolerance": 0.1, "fraction": 0.002}


@pytest.mark.parametrize("level", [500.0, 10000.0, 60000.0])
def test_poisson_and_read_noise_pass_where_the_root_of_the_mean_fails_them(level: float) -> None:
    noise = math.sqrt(level + READ_NOISE**2)
    assert noise > math.sqrt(level)  # cp_verify's form
    values = {"MEAN": level, "NOISE": noise, "READ_NOISE": READ_NOISE}
    assert apply_rule("poisson_noise", Subject(values, "NOISE"), FLAT).outcome is Outcome.PASS


def test_reference_form_of_the_flat_rejects_six_percent_of_read_noise_at_500_electron() -> None:
    # Read noise 8 at 500 electron is an excess of 6 % over the root of the mean (DMTN-101's form).
    assert math.sqrt(500 + READ_NOISE**2) / math.sqrt(500) == pytest.approx(1.062, abs=0.001)


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "pass"), (1.085, "pass"), (1.095, "fail")])
def test_flat_noise_above_poisson_fails(factor: float, outcome: str) -> None:
    mean = 20000.0
    expected = math.sqrt(mean + READ_NOISE**2)
    values = {"MEAN": mean, "NOISE": factor * expected, "EXPECTED_NOISE": expected}
    # (1 + 0.1) (1 + (0.002 · 20000)² / 20064) = 1.188, the root of which is 1.0897
    assert apply_rule("poisson_noise", Subject(values, "NOISE"), FLAT).outcome == outcome


def test_flat_without_noise_fails_only_where_a_lower_tolerance_is_asked() -> None:
    values = {"MEAN": 20000.0, "NOISE": 1.0, "EXPECTED_NOISE": 141.6}
    assert apply_rule("poisson_noise", Subject(values, "NOISE"), FLAT).outcome is Outcome.PASS
    two_sided = FLAT | {"lower_tolerance": 0.5}
    assert apply_rule("poisson_noise", Subject(values, "NOISE"), two_sided).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("mean", "scatter", "outcome"),
    [
        (20000.0, 900.0, "pass"),
        (20000.0, 1100.0, "fail"),
        (-3.0, 1.0, "fail"),  # a dark among flats: a negative ratio is below any maximum
        (0.0, 1.0, "fail"),
        (math.nan, 1.0, "could-not-run"),
        (20000.0, math.nan, "could-not-run"),
    ],
)
def test_scatter_is_compared_with_the_mean(mean, scatter, outcome) -> None:
    values = {"MEAN": mean, "SCATTER": scatter}
    assert apply_rule("scatter_within", Subject(values, "SCATTER"), {"maximum": 0.05}).outcome == outcome


def test_scatter_over_one_detector_does_not_apply() -> None:
    subject = Subject({"MEAN": 20000.0, "SCATTER": 0.0}, "SCATTER", n_detectors=1)
    assert apply_rule("scatter_within", subject, {"maximum": 0.05}).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("value", "parameters", "outcome"),
    [
        (1.0, {"minimum": 0.0, "maximum": 2.0}, "pass"),
        (-1.0, {"minimum": 0.0}, "fail"),
        (3.0, {"maximum": 2.0}, "fail"),
        (math.inf, {"minimum": 0.0}, "could-not-run"),
    ],
)
def test_value_lies_within_given_limits(value, parameters, outcome) -> None:
    assert apply_rule("value_within", Subject({"X": value}, "X"), parameters).outcome == outcome


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"no_processing_failure"}))
@pytest.mark.parametrize("values", [{}, {"N_PIXELS": 0.0} | dict.fromkeys(good_values(), math.nan)])
def test_nothing_measured_is_could_not_run_with_a_reason(rule: str, values: dict[str, float]) -> None:
    parameters = {"tolerance": 0.05, "floor": 0.5, "fraction": 0.0, "maximum": 0.05}
    result = apply_rule(rule, Subject(values, "NOISE"), parameters)
    assert result.outcome is Outcome.COULD_NOT_RUN
    assert result.reason
