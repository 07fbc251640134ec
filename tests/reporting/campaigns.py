"""Campaigns with planted failures: what verification would have measured, judged by the real policy."""

from collections import Counter
from functools import cache

import numpy as np

from infra.instruments import camera
from infra.settings import Policy, load_policy
from infra.settings.policy import Waiver
from tasks.reporting import (
    CalibrationContents,
    DatasetEntry,
    ReportContents,
    figured_detectors,
    summarise_amplifiers,
)
from tasks.verification.evaluate import all_results
from tasks.verification.model import (
    ExposureGroup,
    Outcome,
    TestResult,
)
from tasks.verification.rollup import roll_up
from tests.reporting.measured import (
    COLLECTION,
    DAY,
    FIRST_SEQ,
    UNITS,
    Plant,
    combined_image,
    exposures_of,
    plan,
    residuals,
    statistics,
    uuid,
)


@cache
def latiss_policy() -> Policy:
    return load_policy("latiss")


class OnDemand(dict):
    """Images by detector, made when asked for, as from the Butler; notes what was asked for."""

    def __init__(self, make, detectors):
        super().__init__(dict.fromkeys(detectors))
        self.make, self.asked = make, []

    def get(self, detector, default=None):
        if detector not in self:
            return default
        self.asked.append(detector)
        return self.make(detector)


def calibration(
    key: str,
    state: str,
    detectors: dict[int, str],
    *,
    plant: Plant | None = None,
    waivers: tuple[Waiver, ...] = (),
    shape: tuple[int, int] = (500, 509),
    n_generation: int = 20,
) -> CalibrationContents:
    amplifiers = tuple(amplifier.name for amplifier in camera("LATISS").detectors[0].layout().amplifiers)
    measured = statistics(key, detectors, plant or {}, amplifiers, n_generation)
    policy = latiss_policy().model_copy(update={"waivers": waivers})
    candidates = {detector: uuid(key, detector) for detector in detectors}
    results = list(all_results(measured, policy, calibration=key, candidates=candidates, day_obs=DAY))
    verdict = roll_up(results, key, f"{policy.name} {policy.version}")
    tests = summarise_amplifiers(results)
    frames = exposures_of(key, n_generation)
    drawn = figured_detectors(verdict, measured, tests)
    return CalibrationContents(
        key=key,
        state=state,
        verdict=verdict,
        unit=UNITS[key],
        statistics=measured,
        amplifier_tests=tests,
        combined=OnDemand(lambda detector: combined_image(key, detector, shape), detectors),
        thumbnails={
            detector: combined_image(key, detector, (25, 25)) for detector in detectors if len(detectors) > 1
        },
        residuals=OnDemand(lambda detector: residuals(key, detector, shape), drawn),
        generation=tuple(frame[0] for frame in frames if frame[1] is ExposureGroup.GENERATION),
        verification=tuple(frame[0] for frame in frames if frame[1] is ExposureGroup.VERIFICATION),
        priors={} if key == "bias" else {"bias": uuid("bias", 0)},
        collections={
            "generation RUN": f"{COLLECTION}/{key}Gen.20240326a/20240327T163518Z",
            "verification RUN": f"{COLLECTION}/verify{key.title()}.20240326a/20240327T163518Z",
        },
        datasets=tuple(
            DatasetEntry(detector, uuid(key, detector), "5a" * 32, "c4" * 32) for detector in detectors
        ),
        gate_digest="9b" * 32,
    )


def report(calibrations: tuple[CalibrationContents, ...], instrument: str = "LATISS") -> ReportContents:
    return ReportContents(
        campaign=f"{instrument}/DM-43525/lowerSetTemp/20240326a",
        instrument=instrument,
        day_obs=DAY,
        producer="cslage",
        when="2024-03-27 16:35:18 TAI",
        calibrations=calibrations,
        plan=plan(tuple(one.key for one in calibrations if one.key in FIRST_SEQ)),
        versions={"python": "3.12.9", "calprod": "0.1.0", "lsst-daf-butler": "30.0.1", "numpy": "2.2.4"},
        replay_script='#!/usr/bin/env bash\nset -euo pipefail\n: "${REPO:?set REPO}"\n'
        'pipetask run -b "$REPO" -p "$PIPELINES/bias.yaml" -i LATISS/raw/all -o u/replay/bias \\\n'
        "    -d \"instrument='LATISS' AND exposure IN (2024032600012..2024032600031)\"\n",
    )


def one_ccd() -> ReportContents:
    """Return LATISS: a bias with a waiver and a warning, a dark that fails, a good flat, an unknown one."""
    everything = range(len(exposures_of("bias")))
    names = tuple(amplifier.name for amplifier in camera("LATISS").detectors[0].layout().amplifiers)
    bias = {(0, "C06", n): {"NOISE": 9.7, "CR_NOISE": 9.66, "EXPECTED_NOISE": 8.0} for n in everything}
    bias |= {(0, "C13", n): {"READ_NOISE_ADU": 6.95} for n in (3, 4, 9)}
    dark = {
        (0, name, 17): {"MEAN": 5.31 + 0.05 * n, "CR_MEAN": 5.31 + 0.05 * n} for n, name in enumerate(names)
    }
    dark |= {(0, "C02", n): {"MEAN": 0.92, "CR_MEAN": 0.92} for n in (0, 21, 22)}
    waiver = Waiver(
        calibration="bias",
        test="NOISE",
        detector=0,
        amplifier="C06",
        reason="noisy since the video board swap of 2023-11",
        until=20250101,
    )
    flat = {(0, "C10", n): {"MEAN": float("nan"), "NOISE": float("nan")} for n in (5, 6)}
    detectors = {0: "RXX_S00"}
    return report(
        (
            calibration("bias", "awaiting-approval", detectors, plant=bias, waivers=(waiver,)),
            calibration("dark", "awaiting-approval", detectors, plant=dark),
            calibration("flat-r", "awaiting-approval", detectors),
            calibration("flat-z", "awaiting-approval", detectors, plant=flat),
        )
    )


def large_camera(n_generation: int = 4, shape: tuple[int, int] = (500, 509)) -> ReportContents:
    """Return LSSTCam with its 189 detectors: dead amplifiers, one bad detector, one bad exposure."""
    detectors = {one.id: one.full_name for one in camera("LSSTCam").detectors}
    rng = np.random.default_rng(5)
    names = tuple(amplifier.name for amplifier in camera("LATISS").detectors[0].layout().amplifiers)
    bias: Plant = {}
    for detector in rng.choice(189, 12, replace=False):
        amplifier = names[int(rng.integers(16))]
        bias |= {
            (int(detector), amplifier, n): {"NOISE": 0.02, "CR_NOISE": 0.02} for n in range(n_generation + 3)
        }
    bias |= {(94, name, n): {"MEAN": 1.4, "CR_MEAN": 1.4} for name in names for n in range(n_generation + 3)}
    bias |= {(detector, "C03", 1): {"READ_NOISE_ADU": 7.4} for detector in range(60, 75)}
    return report(
        (
            calibration(
                "bias", "awaiting-approval", detectors, plant=bias, n_generation=n_generation, shape=shape
            ),
            calibration("flat-r", "awaiting-approval", detectors, n_generation=n_generation, shape=shape),
        ),
        "LSSTCam",
    )


def empty_calibration(
    key: str = "bias", state: str = "verified", *results: TestResult
) -> CalibrationContents:
    passed = TestResult(
        calibration=key, test="NOISE", outcome=Outcome.PASS, exposure=1, detector=0, amplifier="C00"
    )
    return CalibrationContents(
        key=key, state=state, verdict=roll_up([passed, *results], key), unit="electron"
    )


def not_passed(contents: ReportContents) -> Counter[str]:
    return Counter(
        "|".join(map(str, result.place))
        for one in contents.calibrations
        for results in (
            one.verdict.failures,
            one.verdict.could_not_run,
            one.verdict.warnings,
            one.verdict.waived,
        )
        for result in results
    )
