"""Small residuals with known truth, and statistics records without images."""

from dataclasses import dataclass, field

import numpy as np

from infra.images import CalibrationImage, CorrectedExposure
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout, SegmentModel
from infra.settings import Policy
from infra.settings.policy import PolicyTest
from tasks.verification.evaluate import evaluate
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    PlannedFrame,
    Verdict,
)

READ_NOISE = 8.0
"""Read noise of every simulated amplifier (electron)."""
GAIN = 1.25
"""Gain of every simulated amplifier (electron/adu)."""
WIDTH, HEIGHT = 100, 120
N_PIXELS = WIDTH * HEIGHT
UUID = "0190c0de-0000-7000-8000-000000000001"
OTHER_UUID = "0190c0de-0000-7000-8000-000000000002"


def small_layout() -> DetectorLayout:
    segment = SegmentModel(
        naxis1=3 + WIDTH + 64, naxis2=HEIGHT + 48, prescan=3, data_width=WIDTH, data_height=HEIGHT
    )
    return camera("LATISS").detectors[0].layout(segment)


def cards(layout: DetectorLayout) -> dict[str, float]:
    """Return the header cards the statistics read."""
    found = {}
    for amplifier in layout.amplifiers:
        found[f"LSST ISR GAIN {amplifier.name}"] = GAIN
        found[f"LSST ISR READNOISE {amplifier.name}"] = READ_NOISE
        found[f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {amplifier.name}"] = READ_NOISE / GAIN
    return found


def residual(image: np.ndarray, mask: np.ndarray | None = None) -> CorrectedExposure:
    layout = small_layout()
    image = np.asarray(image, np.float32)
    return CorrectedExposure(
        image,
        np.zeros(image.shape, np.uint16) if mask is None else mask,
        np.ones(image.shape, np.float32),
        "electron",
        dict(cards(layout)),
    )


def noise_image(rng: np.random.Generator, sigma: float = READ_NOISE, mean: float = 0.0) -> np.ndarray:
    return rng.normal(mean, sigma, small_layout().image_shape).astype(np.float32)


def calibration_image(image: np.ndarray, n_inputs: int = 0) -> CalibrationImage:
    image = np.asarray(image, np.float32)
    metadata = {f"CPP_INPUT_{n}": 2024032600001 + n for n in range(n_inputs)}
    return CalibrationImage(image, np.zeros(image.shape, np.uint16), np.ones_like(image), metadata)


def cosmic_ray_tracks(rng: np.random.Generator, shape: tuple[int, int], n: int) -> np.ndarray:
    """Return straight tracks of 80 electron per micrometre through 100 micrometre of silicon (electron)."""
    image = np.zeros(shape)
    for _ in range(n):
        length, angle = rng.exponential(8.0) + 1.0, rng.uniform(0, 2 * np.pi)
        charge = 80.0 * np.hypot(100.0, 10.0 * length)
        steps = np.linspace(0.0, length, 1 + int(4 * length))
        x = np.rint(rng.uniform(0, shape[1]) + steps * np.cos(angle)).astype(int)
        y = np.rint(rng.uniform(0, shape[0]) + steps * np.sin(angle)).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
        np.add.at(image, (y[inside], x[inside]), charge / steps.size)
    return image


def good_values() -> dict[str, float]:
    """Return statistics of an amplifier that passes every test of a bias or dark."""
    return {
        "MEAN": 0.01,
        "NOISE": READ_NOISE,
        "CR_NOISE": READ_NOISE,
        "READ_NOISE": READ_NOISE,
        "READ_NOISE_ADU": READ_NOISE / GAIN,
        "GAIN": GAIN,
        "EXPECTED_NOISE": READ_NOISE,
        "N_PIXELS": np.inf,  # so that limits are the policy's own
    }


@dataclass
class Camera:
    """Statistics of some exposures of some detectors, all of which pass until a test spoils one."""

    n_exposures: int = 4
    n_verification: int = 2
    detectors: tuple[int, ...] = (0,)
    amplifiers: tuple[str, ...] = ("C10", "C11", "C12", "C13")
    values: dict[tuple[int, int, str], dict[str, float]] = field(default_factory=dict)
    problems: dict[tuple[int, int, str], str] = field(default_factory=dict)
    detector_values: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    calibration: str = "bias"
    vendor: str = "ITL"
    read_uuids: dict[int, str] = field(default_factory=dict)

    @property
    def exposures(self) -> list[int]:
        return [2024032600001 + n for n in range(self.n_exposures + self.n_verification)]

    def group(self, exposure: int) -> ExposureGroup:
        generation = exposure in self.exposures[: self.n_exposures]
        return ExposureGroup.GENERATION if generation else ExposureGroup.VERIFICATION

    def spoil(self, exposure: int, detector: int, amplifier: str, **values: float) -> None:
        self.values.setdefault((exposure, detector, amplifier), {}).update(values)

    def records(self) -> list[DetectorStatistics]:
        return [
            DetectorStatistics(
                calibration=self.calibration.partition("-")[0],
                detector=detector,
                detector_name=f"R22_S{detector:02d}",
                vendor=self.vendor,
                n_inputs=self.n_exposures,
                calibration_uuids={self.calibration.partition("-")[0]: self.read_uuids.get(detector, UUID)},
                candidate_uuid=UUID,
                exposures=tuple(self._exposure(exposure, detector) for exposure in self.exposures),
            )
            for detector in self.detectors
        ]

    def _exposure(self, exposure: int, detector: int) -> ExposureStatistics:
        return ExposureStatistics(
            exposure=exposure,
            group=self.group(exposure),
            day_obs=20240326,
            observed_mjd=60396.0 + (exposure % 1000) / 1440.0,
            exposure_time=0.0,
            dark_time=1.0,
            amplifiers={
                name: good_values() | self.values.get((exposure, detector, name), {})
                for name in self.amplifiers
            },
            problems={
                name: self.problems[exposure, detector, name]
                for name in self.amplifiers
                if (exposure, detector, name) in self.problems
            },
            detector={"MEAN": 20000.0, "SCATTER": 100.0} | self.detector_values.get((exposure, detector), {}),
            metadata=dict(self.metadata),
        )


def policy(*tests: PolicyTest, **more: object) -> Policy:
    return Policy(name="trial", version="1", tests=tests, **more)


def policy_test(test: str, rule: str, statistic: str = "", **more: object) -> PolicyTest:
    settings = {"calibration": "bias", "level": "amplifier", "unit": "electron", "source": "a test"} | more
    return PolicyTest(test=test, rule=rule, statistic=statistic or test, **settings)


NOISE_TEST = policy_test("NOISE", "noise_within", parameters={"tolerance": 0.05})
MEAN_TEST = policy_test("MEAN", "mean_near_zero", parameters={"floor": 0.5, "scatter_factor": 5.0})


def verdict(camera: Camera, trial=None, **more) -> Verdict:
    return evaluate(camera.records(), trial or policy(NOISE_TEST), calibration=camera.calibration, **more)


def plan(camera: Camera) -> list[PlannedFrame]:
    return [
        PlannedFrame(exposure=exposure, detector=detector, group=camera.group(exposure))
        for exposure in camera.exposures
        for detector in camera.detectors
    ]
