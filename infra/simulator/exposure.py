"""One exposure: charge collected, moved, read out and digitised, in the order nature and the camera do it."""

import numpy as np
from numpy.typing import NDArray

from infra.simulator.brighter_fatter import move_boundaries
from infra.simulator.cosmic_rays import draw_tracks
from infra.simulator.deferred_charge import read_out_late
from infra.simulator.electronics import (
    add_crosstalk,
    bend_response,
    digitise,
    draw_row_drift,
    first_exposure_stripes,
)
from infra.simulator.illumination import leak_pattern
from infra.simulator.light import Light
from infra.simulator.patterns import corner_distance
from infra.simulator.random_streams import detector_seed, random_stream
from infra.simulator.scheduled import Conditions, ScheduledExposure
from infra.simulator.sensor import SensorTruth
from infra.simulator.specification import NightSpec
from infra.simulator.spots import Spot
from infra.simulator.star_field import bleed

__all__ = ["SimulatedCamera"]

type FloatArray = NDArray[np.float64]


class SimulatedCamera:
    """The camera of a night; keeps what is the same in all exposures.

    Parameters
    ----------
    specification
        The night.
    sensor
        The fixed properties of its detector.
    """

    def __init__(self, specification: NightSpec, sensor: SensorTruth) -> None:
        self.specification = specification
        self.sensor = sensor
        self.light = Light(specification, sensor.layout, sensor.defects.response)
        self._seed = detector_seed(specification.seed, sensor.layout.id)

    def flat(self, physical_filter: str, dust_shift: float = 0.0) -> FloatArray:
        """Return the response to the lamp in a filter, shape [ny, nx], relative to the lamp's level."""
        return self.light.flat(physical_filter, dust_shift)

    def spots(self, exposure: ScheduledExposure) -> tuple[Spot, ...]:
        """Return the spots seen in an exposure; none unless it is of an object."""
        return self.light.spots(exposure)

    def expose(self, exposure: ScheduledExposure) -> NDArray[np.int32]:
        """Return the raw segments in readout order, by HDU, shape [n_amplifiers, naxis2, naxis1]."""
        segments = self._to_segments(self._collect(exposure))
        return digitise(self._read_out(segments, exposure))

    def _stream(self, purpose: str, exposure: ScheduledExposure) -> np.random.Generator:
        return random_stream(self._seed, purpose, exposure.exposure_id)

    def _collect(self, exposure: ScheduledExposure) -> FloatArray:
        """Charge in the pixels when the shutter has closed (electron), trimmed and assembled."""
        effects, conditions, shape = (
            self.specification.camera,
            exposure.conditions,
            self.sensor.layout.image_shape,
        )
        expected = self._expected_charge(exposure)
        charge = self._stream("photons", exposure).poisson(expected).astype(np.float64)
        if effects.cosmic_rays is not None:
            stream = self._stream("cosmic rays", exposure)
            charge += draw_tracks(stream, shape, conditions.dark_time, effects.cosmic_rays)
        if conditions.stars is not None and conditions.stars.bleeding:
            n_halves = shape[0] // self.sensor.layout.amplifiers[0].image_box.height
            charge = bleed(charge, effects.electronics.full_well, n_halves)
        if effects.brighter_fatter is not None:
            charge = move_boundaries(charge, np.array(effects.brighter_fatter.a_matrix))
        return np.minimum(charge, effects.electronics.full_well)

    def _expected_charge(self, exposure: ScheduledExposure) -> FloatArray:
        """Mean charge of each pixel (electron)."""
        effects, conditions, shape = (
            self.specification.camera,
            exposure.conditions,
            self.sensor.layout.image_shape,
        )
        doubling = effects.dark_current.doubling if effects.dark_current else 7.0
        warmth = 2.0 ** (conditions.temperature_rise / doubling)
        expected = self.sensor.dark_rate * (conditions.dark_time * warmth)
        expected += self.light.expected(exposure)
        if conditions.leak:
            expected += conditions.leak * leak_pattern(shape) * self.sensor.defects.response
        if conditions.corner_glow:
            expected += conditions.corner_glow * np.exp(-corner_distance(shape) / 0.1)
        return expected

    def _to_segments(self, image: FloatArray) -> FloatArray:
        """Cut an image into segments in readout order, with empty prescans and overscans."""
        layout, segment = self.sensor.layout, self.sensor.segment
        segments = np.zeros((len(layout.amplifiers), segment.naxis2, segment.naxis1))
        columns = slice(segment.prescan, segment.prescan + segment.data_width)
        for index, amplifier in enumerate(layout.amplifiers):
            data = image[amplifier.image_box.slices]
            data = data[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]
            segments[index, : segment.data_height, columns] = data
        return segments

    def _read_out(self, segments: FloatArray, exposure: ScheduledExposure) -> FloatArray:
        """Signal at the converter (adu) for charge in segments (electron)."""
        effects, conditions, sensor = self.specification.camera, exposure.conditions, self.sensor
        if effects.deferred_charge is not None:
            segments = read_out_late(segments, effects.deferred_charge)
        gain = sensor.gain * self._factors(conditions.gain_factors)
        signal = segments / gain[:, np.newaxis, np.newaxis]
        if effects.nonlinearity is not None:
            signal = bend_response(signal, sensor.nonlinearity)
        for name in conditions.dead_amplifiers:
            signal[self._index(name)] = 0.0
        if effects.crosstalk is not None:
            signal = add_crosstalk(signal, sensor.crosstalk, gain, sensor.crosstalk_quadratic)
        return self._add_bias_and_noise(signal, exposure)

    def _add_bias_and_noise(self, signal: FloatArray, exposure: ScheduledExposure) -> FloatArray:
        """Put the signal (adu) on its pedestal, in place."""
        effects, conditions, sensor = self.specification.camera, exposure.conditions, self.sensor
        segment = sensor.segment
        jitter = self._stream("pedestal", exposure).standard_normal(len(signal))
        pedestal = sensor.pedestal + effects.electronics.pedestal_jitter * jitter + self._steps(conditions)
        rows = pedestal[:, np.newaxis] + sensor.bias_rows
        if effects.row_drift is not None:
            rows = rows + draw_row_drift(self._stream("row drift", exposure), rows.shape, effects.row_drift)
        signal += rows[:, :, np.newaxis] + sensor.bias_columns[:, np.newaxis, :]
        signal += self._to_segments(sensor.bias)
        if conditions.stripes:
            # The stripes come with the data, not with the overscan: no overscan correction removes them.
            columns = slice(segment.prescan, segment.prescan + segment.data_width)
            stripes = first_exposure_stripes(segment.data_height, conditions.stripes)
            signal[:, : segment.data_height, columns] += stripes[:, np.newaxis]
        noise = sensor.read_noise / sensor.gain * self._factors(conditions.noise_factors)
        stream = self._stream("read noise", exposure)
        for index in range(len(signal)):
            signal[index] += noise[index] * stream.standard_normal(signal.shape[1:])
        for name, number in conditions.stuck_amplifiers:
            signal[self._index(name)] = number
        return signal

    def _index(self, amplifier: str) -> int:
        return [item.name for item in self.sensor.layout.amplifiers].index(amplifier)

    def _factors(self, pairs: tuple[tuple[str, float], ...]) -> FloatArray:
        """Factors by amplifier, 1 where none is given."""
        factors = np.ones(len(self.sensor.layout.amplifiers))
        for amplifier, factor in pairs:
            factors[self._index(amplifier)] *= factor
        return factors

    def _steps(self, conditions: Conditions) -> FloatArray:
        """Jumps of the pedestal by amplifier (adu)."""
        steps = np.zeros(len(self.sensor.layout.amplifiers))
        for amplifier, step in conditions.pedestal_steps:
            steps[slice(None) if amplifier is None else self._index(amplifier)] += step
        return steps
