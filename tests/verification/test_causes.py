"""Many failures with one cause are one line for people."""

from tasks.verification.evaluate import evaluate
from tasks.verification.model import Cause
from tests.verification.simulated import NOISE_TEST, Camera, policy


def causes(camera: Camera) -> tuple[Cause, ...]:
    return evaluate(camera.records(), policy(NOISE_TEST), calibration="bias").causes


def test_amplifier_failing_in_many_exposures_is_one_cause_with_their_list() -> None:
    camera = Camera(n_exposures=3, n_verification=2)
    for exposure in camera.exposures:
        camera.spoil(exposure, 0, "C12", NOISE=9.0)
    (cause,) = causes(camera)
    assert (cause.test, cause.detector, cause.amplifier, cause.count) == ("NOISE", 0, "C12", 5)
    assert (cause.generation, cause.verification) == (3, 2)
    assert cause.exposures == tuple(camera.exposures)
    assert cause.description == (
        f"NOISE fails for detector 0, amplifier C12 in 5 exposures, {camera.exposures[0]} to "
        f"{camera.exposures[-1]} (first: NOISE 9 electron is above 8.4 (expected 8))"
    )


def test_exposure_in_which_most_amplifiers_fail_is_one_cause() -> None:
    camera = Camera()
    for name in camera.amplifiers[:3]:
        camera.spoil(camera.exposures[2], 0, name, NOISE=9.0)
    (cause,) = causes(camera)
    assert (cause.amplifier, cause.count, cause.exposures) == (None, 3, (camera.exposures[2],))
    assert "3 amplifiers in exposure" in cause.description


def test_bad_exposure_does_not_hide_a_bad_amplifier() -> None:
    camera = Camera()
    for name in camera.amplifiers:
        camera.spoil(camera.exposures[0], 0, name, NOISE=9.0)
    for exposure in camera.exposures[1:]:
        camera.spoil(exposure, 0, "C10", NOISE=9.0)
    found = causes(camera)
    assert [(cause.amplifier, cause.count) for cause in found] == [("C10", 5), (None, 4)]


def test_same_amplifier_of_two_detectors_is_two_causes() -> None:
    camera = Camera(detectors=(0, 1))
    for detector in camera.detectors:
        camera.spoil(camera.exposures[0], detector, "C10", NOISE=9.0)
    assert {(cause.detector, cause.amplifier) for cause in causes(camera)} == {(0, "C10"), (1, "C10")}


def test_dead_and_noisy_exposures_of_a_detector_with_one_amplifier_stay_with_it() -> None:
    camera = Camera(amplifiers=("C00",))
    camera.spoil(camera.exposures[0], 0, "C00", NOISE=9.0)
    (cause,) = causes(camera)
    assert cause.amplifier == "C00"
