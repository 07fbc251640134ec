"""Statistics, images and plans of example campaigns, as verification and selection would give them."""

import numpy as np

from tasks.reporting import (
    BinnedImage,
    Residual,
)
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
)

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
