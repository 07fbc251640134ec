"""Simulated nights through bias, dark and flat verification and the shipped policy: truth in, truth out."""

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

import tasks.bias.verify
import tasks.dark.verify
import tasks.flat.verify
from infra.images import MaskPlane
from infra.settings import builtin_policy
from tasks.verification.evaluate import evaluate
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    Verdict,
    VerdictOutcome,
)
from tasks.verification.noise import overscan_variance
from tests.verification.simulated import (
    N_PIXELS,
    READ_NOISE,
    UUID,
    calibration_image,
    cosmic_ray_tracks,
    residual,
    small_layout,
)

LAYOUT = small_layout()
SHAPE = LAYOUT.image_shape
POLICY = builtin_policy("LATISS")
NOISE = READ_NOISE * math.sqrt(1.0 + overscan_variance(LAYOUT)["C10"])
"""Read noise of a pixel from which the overscans' levels have been subtracted (electron)."""
N_INPUTS = 8
N_EXPOSURES = N_INPUTS + 4
DARK_TIME = 100.0
DARK_CURRENT = 0.2
"""electron/s/pixel: 20 electron in a frame, a quarter of the variance."""
FLAT_LEVEL = 20000.0

ROOMS: dict[str, ModuleType] = {
    "bias": tasks.bias.verify,
    "dark": tasks.dark.verify,
    "flat": tasks.flat.verify,
}

type Fault = Callable[[np.ndarray, int], None]
"""Spoils the corrected counts of one exposure, given its number."""


def counts(calibration: str, rng: np.random.Generator, response: np.ndarray) -> np.ndarray:
    """Return one exposure after the corrections before the calibration under test (electron)."""
    signal = {
        "bias": np.zeros(SHAPE),
        "dark": rng.poisson(DARK_CURRENT * DARK_TIME, SHAPE),
        "flat": rng.poisson(FLAT_LEVEL * response),
    }[calibration]
    return signal + rng.normal(0.0, NOISE, SHAPE)


def night(calibration: str, seed: int, fault: Fault | None = None, mask: np.ndarray | None = None) -> Verdict:
    """Simulate a night, make the calibration by a plain mean, and verify it."""
    rng = np.random.default_rng(seed)
    room = ROOMS[calibration]
    # Amplifiers differ in response by a few per cent, the edge by more.
    response = np.clip(rng.normal(1.0, 0.01, SHAPE), 0.9, 1.1) * np.linspace(0.8, 1.1, SHAPE[1])
    response /= response.mean()
    frames = [counts(calibration, rng, response) for _ in range(N_EXPOSURES)]
    for number, frame in enumerate(frames):
        if fault:
            fault(frame, number)
    combined = np.mean(frames[:N_INPUTS], axis=0)
    scale = {"bias": 1.0, "dark": DARK_TIME, "flat": FLAT_LEVEL}[calibration]
    image = calibration_image(combined / scale, N_INPUTS)
    model = room.noise_model(image, LAYOUT)
    exposures = []
    for number, frame in enumerate(frames):
        corrected = frame / image.image if calibration == "flat" else frame - combined
        group = ExposureGroup.GENERATION if number < N_INPUTS else ExposureGroup.VERIFICATION
        measured = room.residual_statistics(
            residual(corrected, mask), LAYOUT, model, group=group, dark_time=DARK_TIME
        )
        exposures.append(
            ExposureStatistics(
                exposure=number,
                group=group,
                day_obs=20240326,
                observed_mjd=60396.0 + number,
                exposure_time=DARK_TIME,
                dark_time=DARK_TIME,
                amplifiers=measured.amplifiers,
                problems=measured.problems,
                detector=measured.detector,
            )
        )
    record = DetectorStatistics(
        calibration=calibration,
        detector=0,
        n_inputs=N_INPUTS,
        calibration_uuids={calibration: UUID},
        exposures=tuple(exposures),
    )
    return evaluate([record], POLICY, calibration=calibration, candidates={0: UUID})


def failed(verdict: Verdict) -> set[tuple[str, str | None, int | None]]:
    return {(result.test, result.amplifier, result.exposure) for result in verdict.failures}


@pytest.mark.parametrize("calibration", ROOMS)
@pytest.mark.parametrize("seed", range(5))
def test_clean_night_is_verified(calibration: str, seed: int) -> None:
    # 12 exposures x 16 amplifiers x 5 seeds: the nearest limit stands at 6.8 standard errors (mean against
    # 0.5 electron), so that a false alarm in all this has a chance of 10^-8.
    verdict = night(calibration, seed)
    assert (verdict.failures, verdict.warnings, verdict.could_not_run) == ((), (), ())
    assert verdict.outcome is VerdictOutcome.VERIFIED


@pytest.mark.parametrize("calibration", ["bias", "dark"])
def test_dead_amplifier_fails_the_two_sided_noise_in_every_exposure(calibration: str) -> None:
    dead = LAYOUT.amplifiers[4]

    def kill(frame: np.ndarray, number: int) -> None:
        frame[dead.image_box.slices] = 0.0

    verdict = night(calibration, 0, kill)
    assert verdict.outcome is VerdictOutcome.FAILED
    assert failed(verdict) == {("NOISE", dead.name, n) for n in range(N_EXPOSURES)}
    assert [cause.amplifier for cause in verdict.causes] == [dead.name]
    assert verdict.causes[0].count == N_EXPOSURES


@pytest.mark.parametrize("mean", [1.0, 60.0, 600.0])
def test_dark_among_flats_passed_with_a_small_positive_mean(mean: float) -> None:
    # Its noise is that of its charge and its level even: until the level itself was tested nothing was wrong.
    # The combined flat is unharmed, the dark being no input.
    rng, dark = np.random.default_rng(7), N_INPUTS + 1

    def spoil(frame: np.ndarray, number: int) -> None:
        if number == dark:
            falling = np.linspace(0.8, 1.1, SHAPE[1])
            frame[:] = rng.poisson(mean * falling / falling.mean(), SHAPE) + rng.normal(0.0, NOISE, SHAPE)

    verdict = night("flat", 2, spoil)
    assert ("LEVEL", None, dark) in failed(verdict)
    assert {exposure for _, _, exposure in failed(verdict)} == {dark}
    (low,) = [one for one in verdict.failures if one.test == "LEVEL"]
    assert low.lower_limit == 1000.0
    assert low.unit == "electron"


@pytest.mark.parametrize("calibration", ROOMS)
def test_noisy_amplifier_fails_in_every_exposure_and_no_other_does(calibration: str) -> None:
    noisy, rng = LAYOUT.amplifiers[9], np.random.default_rng(99)
    extra = 150.0 if calibration == "flat" else 6.0

    def spoil(frame: np.ndarray, number: int) -> None:
        frame[noisy.image_box.slices] += rng.normal(0.0, extra, noisy.image_box.shape)

    verdict = night(calibration, 1, spoil)
    assert failed(verdict) == {("NOISE", noisy.name, n) for n in range(N_EXPOSURES)}


def test_pedestal_in_one_verification_exposure_fails_its_mean_only() -> None:
    jumped = LAYOUT.amplifiers[0]

    def spoil(frame: np.ndarray, number: int) -> None:
        if number == N_INPUTS:
            frame[jumped.image_box.slices] += 1.5

    verdict = night("bias", 2, spoil)
    assert failed(verdict) == {("MEAN", jumped.name, N_INPUTS)}
    assert verdict.group_outcome(ExposureGroup.GENERATION) is VerdictOutcome.VERIFIED
    assert verdict.group_outcome(ExposureGroup.VERIFICATION) is VerdictOutcome.FAILED


def test_cosmic_rays_in_darks_fail_nothing() -> None:
    # One muon leaves 8000 electron: 0.7 electron in the plain mean of this small amplifier, which is why the
    # shipped policy tests the mean without cosmic rays.
    rng = np.random.default_rng(5)

    def hit(frame: np.ndarray, number: int) -> None:
        if number >= N_INPUTS:  # the plain mean of this test, unlike the clipped one, would spread them
            frame += cosmic_ray_tracks(rng, SHAPE, 6)

    verdict = night("dark", 3, hit)
    assert (verdict.failures, verdict.could_not_run) == ((), ())


def test_dark_frame_full_of_hits_fails_processing_with_the_reason() -> None:
    rng, spoilt = np.random.default_rng(6), LAYOUT.amplifiers[2]

    def hit(frame: np.ndarray, number: int) -> None:
        if number == N_INPUTS:
            pixels = frame[spoilt.image_box.slices]
            pixels[rng.random(pixels.shape) < 0.05] += 5000.0

    verdict = night("dark", 3, hit)
    assert ("PROCESSING", spoilt.name, N_INPUTS) in failed(verdict)
    reason = next(result.reason for result in verdict.failures if result.test == "PROCESSING")
    assert reason.startswith("the cosmic-ray finder gave up:")
    assert {(r.test, r.amplifier) for r in verdict.could_not_run} == {
        ("MEAN", spoilt.name),
        ("CR_NOISE", spoilt.name),
    }


def test_dark_current_of_the_frame_is_measured() -> None:
    rng = np.random.default_rng(0)
    image = calibration_image(np.full(SHAPE, 0.5), 20)
    model = tasks.dark.verify.noise_model(image, LAYOUT)
    frame = rng.normal(5.0, READ_NOISE, SHAPE)
    measured = tasks.dark.verify.residual_statistics(
        residual(frame), LAYOUT, model, group=ExposureGroup.VERIFICATION, dark_time=50.0
    )
    for values in measured.amplifiers.values():
        # 0.5 in the combined dark and 5 electron in 50 s more; the median scatters by 1.25 of the mean.
        assert values["DARK_CURRENT"] == pytest.approx(
            0.6, abs=4 * 1.25 * READ_NOISE / math.sqrt(N_PIXELS) / 50
        )


def test_dark_without_dark_time_has_no_current_and_no_crash() -> None:
    model = tasks.dark.verify.noise_model(calibration_image(np.zeros(SHAPE), 20), LAYOUT)
    measured = tasks.dark.verify.residual_statistics(
        residual(np.zeros(SHAPE)), LAYOUT, model, group=ExposureGroup.GENERATION, dark_time=0.0
    )
    assert all(math.isnan(values["DARK_CURRENT"]) for values in measured.amplifiers.values())


def test_flat_amplifier_of_another_level_fails_the_scatter() -> None:
    low = LAYOUT.amplifiers[3]

    def spoil(frame: np.ndarray, number: int) -> None:
        if number == N_INPUTS + 1:
            frame[low.image_box.slices] *= 0.7

    verdict = night("flat", 4, spoil)
    assert failed(verdict) == {("SCATTER", None, N_INPUTS + 1)}


def test_dark_among_flats_fails_the_scatter_whatever_the_sign_of_its_mean() -> None:
    rng = np.random.default_rng(8)

    def spoil(frame: np.ndarray, number: int) -> None:
        if number >= N_INPUTS:
            frame[:] = rng.normal(-1.0 if number % 2 else 1.0, READ_NOISE, SHAPE)

    verdict = night("flat", 5, spoil)
    assert {exposure for _, _, exposure in failed(verdict)} == set(range(N_INPUTS, N_EXPOSURES))


@pytest.mark.parametrize("calibration", ROOMS)
def test_masked_amplifier_could_not_run_and_nothing_else_suffers(calibration: str) -> None:
    mask = np.zeros(SHAPE, np.uint16)
    bad = LAYOUT.amplifiers[7]
    mask[bad.image_box.slices] = MaskPlane.BAD
    verdict = night(calibration, 6, mask=mask)
    assert verdict.outcome is VerdictOutcome.COULD_NOT_RUN
    assert verdict.failures == ()
    unknown = {(result.amplifier, result.exposure) for result in verdict.could_not_run}
    assert unknown == {(bad.name, number) for number in range(N_EXPOSURES)}
    assert all("no usable pixels" in result.reason for result in verdict.could_not_run)
