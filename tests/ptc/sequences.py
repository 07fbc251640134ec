"""Simulated sequences of flats, as the task gets them: raws that are read one at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infra.raws.reader import RawFile
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.schedule import schedule_night
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.sensor import SensorTruth, draw_sensor
from infra.simulator.specification import NightSpec
from tasks.combine.raw_inputs import RawInput
from tasks.ptc.algorithm import FlatExposure, Pairing, pair_exposures
from tests.simulator.nights import night

FILTER = "SDSSr_65mm~empty"
LAMP = 6000.0
"""Electron/s."""

TIMES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.5, 4.0, 5.5, 7.0, 8.5, 10.0, 11.5, 13.0, 14.5, 16.0)
"""Exposure times (s): many low ones for the read noise."""


def sequence_night(
    times: Sequence[float] = TIMES, *, camera: dict[str, Any] | None = None, **keys: Any
) -> NightSpec:
    """Night with one ramp of pairs."""
    effects = {"illumination": {"lamp_rate": {FILTER: LAMP}, "vignetting": 0.02}} | (camera or {})
    ramp = {"name": "ptc", "type": "flat", "filter": FILTER, "exposure_times": tuple(times), "repeat": 2}
    return night(ramp, camera=effects, **keys)


@dataclass
class SimulatedSequence:
    """A ramp that is exposed when it is read."""

    specification: NightSpec
    spoil: Callable[[np.ndarray, SensorTruth, ScheduledExposure], np.ndarray] | None = None
    """Makes other segments out of those of a raw: array [amplifier, y, x], sensor, exposure."""
    reads: list[int] = field(default_factory=list)
    """Exposures in the order read."""

    def __post_init__(self) -> None:
        model = self.specification.detector_model
        self.segment = self.specification.segment.segment(model.segment)
        self.camera = SimulatedCamera(
            self.specification, draw_sensor(model, self.segment, self.specification.camera)
        )
        self.exposures = {one.exposure_id: one for one in schedule_night(self.specification)}

    @property
    def sensor(self) -> SensorTruth:
        return self.camera.sensor

    def flats(self) -> tuple[FlatExposure, ...]:
        return tuple(
            FlatExposure(number, one.declared_time, _mjd(one.begin), None, one.declared_type)
            for number, one in self.exposures.items()
        )

    def pairing(self) -> Pairing:
        return pair_exposures(self.flats())

    def read(self, number: int) -> RawInput:
        """Expose, and give the raw as the Butler would."""
        self.reads.append(number)
        one = self.exposures[number]
        segments = self.camera.expose(one)
        if self.spoil is not None:
            segments = self.spoil(segments, self.sensor, one)
        layout = self.sensor.layout
        image = np.zeros(layout.raw_shape, segments.dtype)
        for amplifier, stored in zip(layout.amplifiers, segments, strict=True):
            image[amplifier.raw_box.slices] = stored[
                :: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1
            ]
        header = {"INSTRUME": "LATISS", "SEQNAME": "FP.seq", "CCOBFLUX": 100.0 * one.declared_time}
        raw = RawFile(None, "LATISS", header, {}, self.segment, layout, image)  # type: ignore[arg-type]
        begin, end = _mjd(one.begin), _mjd(one.end)
        times = (begin, end, one.declared_time, one.declared_dark_time)
        return RawInput(number, layout.id, one.day_obs, FILTER, *times, raw)


def _mjd(moment):
    return 60_000.0 + (moment.timestamp() - 1.7e9) / 86_400.0
