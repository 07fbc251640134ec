"""Campaigns with planted failures: what verification would have measured, judged by the real policy."""

from functools import cache

import numpy as np

from infra.instruments import camera
from infra.settings import Policy, load_policy
from infra.settings.policy import Waiver
from tasks.reporting import (
    BinnedImage,
    CalibrationContents,
    DatasetEntry,
    ReportContents,
    Residual,
    figured_detectors,
    summarise_amplifiers,
)
from tasks.verification.evaluate import all_results
from tasks.verification.model import DetectorStatistics, ExposureGroup, ExposureStatistics
from tasks.verification.rollup import roll_up

DAY = 20240326
NOON = 60395.5
"""Noon that begins the observing day (TAI, MJD)."""
COLLECTION = "LATISS/calib/DM-43525/lowerSetTemp"
READ_NOISE = 8.0
LEVELS = {"bias": 0.0, "dark": 0.0, "flat-r": 30000.0, "flat-z": 30000.0}
UNITS = {"bias": "electron", "dark": "electron/s", "flat-r": "", "flat-z": ""}
FIRST_SEQ = {"bias": 11, "dark": 45, "flat-r": 81, "flat-z": 121}

type Plant = dict[tuple[int, str, int], dict[str, float]]
"""Statistics of (detector, amplifier, index of the exposure) that differ from good ones."""


@cache
def latiss_policy() -> Policy:
    return load_policy("latiss")


def exposures_of(key: str, n_generation: int = 20) -> list[tuple[int, ExposureGroup, int, float]]:
    """Return (exposure, group, day_obs, time): the first of the set, the inputs, and two of other days."""
    start = DAY * 100000 + FIRST_SEQ[key]
    begin = NOON + 0.29 + FIRST_SEQ[key] * 0.0006
    found = [(start, ExposureGroup.VERIFICATION, DAY, begin)]
    found += [
        (start + n, ExposureGroup.GENERATION, DAY, begin + 0.0006 * n) for n in range(1, n_generation + 1)
    ]
    for days in (1, 2):
        found.append(((DAY - days) * 100000 + 14, ExposureGroup.VERIFICATION, DAY - days, NOON - days + 0.31))
    return found


def good_statistics(key: str, rng: np.random.Generator) -> dict[str, float]:
    level = LEVELS[key]
    noise = np.sqrt(level + READ_NOISE**2)
    values = {
        "MEAN": level + rng.normal(0, 0.04 if not level else 60.0),
        "NOISE": noise * (1 + rng.normal(0, 0.004)),
        "EXPECTED_NOISE": noise,
        "READ_NOISE": READ_NOISE,
        "READ_NOISE_ADU": READ_NOISE / 1.25 * (1 + rng.normal(0, 0.006)),
        "GAIN": 1.25,
        "N_PIXELS": 1018000.0,
    }
    clean = {"CR_NOISE": values["NOISE"] * 0.996, "CR_MEAN": values["MEAN"]}
    return values | ({} if level else clean)


def statistics(
    key: str, detectors: dict[int, str], plant: Plant, amplifiers: tuple[str, ...], n_generation: int = 20
) -> tuple[DetectorStatistics, ...]:
    rng = np.random.default_rng(len(key) + 7)
    records = []
    for detector, name in detectors.items():
        frames = []
        for index, (exposure, group, day, time) in enumerate(exposures_of(key, n_generation)):
            lamp = rng.normal(0, 120.0) if LEVELS[key] else rng.normal(0, 0.05)
            values = {}
            for amplifier in amplifiers:
                good = good_statistics(key, rng)
                good |= {name: good[name] + lamp for name in ("MEAN", "CR_MEAN") if name in good}
                values[amplifier] = good | plant.get((detector, amplifier, index), {})
            means = [one["MEAN"] for one in values.values() if np.isfinite(one["MEAN"])]
            frames.append(
                ExposureStatistics(
                    exposure=exposure,
                    group=group,
                    day_obs=day,
                    observed_mjd=time,
                    exposure_time=0.0,
                    dark_time=0.1,
                    amplifiers=values,
                    detector={"MEAN": float(np.mean(means)), "SCATTER": float(np.std(means))},
                )
            )
        records.append(
            DetectorStatistics(
                calibration=key,
                detector=detector,
                detector_name=name,
                vendor="ITL",
                n_inputs=n_generation,
                calibration_uuids={key.partition("-")[0]: uuid(key, detector)},
                exposures=tuple(frames),
            )
        )
    return tuple(records)


def uuid(key: str, detector: int) -> str:
    return f"0190c0de-{FIRST_SEQ[key]:04x}-7000-8000-{detector:012x}"


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    return rng.normal(0.0, scale, shape).astype(np.float32)


def combined_image(key: str, detector: int, shape: tuple[int, int]) -> BinnedImage:
    rng = np.random.default_rng([FIRST_SEQ[key], detector])
    ny, nx = shape
    y, x = np.mgrid[0 : 1 : ny * 1j, 0 : 1 : nx * 1j]
    if LEVELS[key]:
        image = 1.02 - 0.12 * ((x - 0.5) ** 2 + (y - 0.45) ** 2) + smooth_noise(rng, shape, 0.0006)
        for cx, cy, r in rng.uniform(0.05, 0.95, (14, 3)):
            ring = np.hypot(x - cx, y - cy) - 0.012 - 0.02 * r
            image -= 0.006 * np.exp(-((ring / 0.005) ** 2))
    else:
        image = smooth_noise(rng, shape, 0.25) + 1.2 * np.exp(-(nx * x % (nx / 8)) / (nx / 40))
    columns = (np.arange(nx) * 8 // nx)[np.newaxis] + 8 * (np.arange(ny) * 2 // ny)[:, np.newaxis]
    steps = rng.normal(0, 0.003 if LEVELS[key] else 0.15, 16)
    image = (image + steps[columns]).astype(np.float32)
    if not LEVELS[key]:
        image[:, nx // 3] = 3.0  # a hot column
    return BinnedImage(image, 8)


def residuals(key: str, detector: int, shape: tuple[int, int]) -> tuple[Residual, ...]:
    rng = np.random.default_rng([FIRST_SEQ[key], detector, 1])
    rows = []
    for index, (exposure, group, _, time) in enumerate(exposures_of(key)[:2]):
        image = LEVELS[key] + smooth_noise(rng, shape, np.sqrt(LEVELS[key] + READ_NOISE**2) / 8)
        if index == 0:
            ny, nx = shape
            if LEVELS[key]:
                y, x = np.mgrid[0 : 1 : ny * 1j, 0 : 1 : nx * 1j]
                image *= 1 + 0.004 * np.clip(np.hypot(x - 0.5, y - 0.5) - 0.5, 0, 1)
            else:
                image += (
                    2.5
                    * np.exp(-np.arange(ny) / 40)[:, np.newaxis]
                    * np.sin(np.arange(ny) / 4)[:, np.newaxis]
                )
        rows.append(Residual(exposure, group, time, image.astype(np.float32)))
    return tuple(rows)


def plan(keys: tuple[str, ...]) -> dict[str, object]:
    sets, rows = [], []
    for key in keys:
        frames = exposures_of(key)
        today = [frame for frame in frames if frame[2] == DAY]
        sets.append(
            {
                "name": f"{DAY}-{key}-1",
                "day_obs": DAY,
                "observation_type": key.partition("-")[0],
                "physical_filter": "SDSSr_65mm~empty" if key == "flat-r" else None,
                "exposure_time": 0.0,
                "exposures": [frame[0] for frame in today],
                "begin_tai": today[0][3],
                "end_tai": today[-1][3],
                "group": None,
            }
        )
        for number, (exposure, group, _, _) in enumerate(frames):
            reason = "first exposure of its set, which is never combined"
            if group is ExposureGroup.GENERATION:
                reason = f"number {number + 1} of 21 in set {DAY}-{key}-1"
            elif number:
                reason = "of another day, every 5th"
            rows.append(_row(exposure, key, group.value, reason, {}))
        extra = DAY * 100000 + FIRST_SEQ[key] + 21
        evidence = {"level": 31.27, "limit": 8.5, "unit": "adu", "set_median": 2.114, "n_sigma": 14.2}
        rows.append(_row(extra, key, "excluded", "level differs from that of its set", evidence))
    return {
        "day_obs": DAY,
        "instrument": "LATISS",
        "sets": sets,
        "exposures": rows,
        "shortages": [],
        "warnings": ["camera-state key AP0_RC is missing in 3 exposures"],
        "digest": "3f" * 32,
    }


def _row(exposure: int, key: str, role: str, reason: str, evidence: dict[str, object]) -> dict[str, object]:
    return {"exposure": exposure, "calibration": key, "role": role, "reason": reason, "evidence": evidence}


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
        plan=plan(tuple(one.key for one in calibrations)),
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
