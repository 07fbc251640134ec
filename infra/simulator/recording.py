"""Writing the truth beside the raws."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from infra.files import write_atomically
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.star_field import pointing_offset
from infra.simulator.truth import (
    TRUTH_DIRECTORY,
    TRUTH_FILE,
    AmplifierTruth,
    DetectorTruth,
    ExposureTruth,
    FrameTruth,
    NightTruth,
    PlantedFault,
    SpotTruth,
)

__all__ = ["record_truth", "write_truth"]


def record_truth(
    cameras: Mapping[int, SimulatedCamera], nights: Sequence[tuple[ScheduledExposure, ...]], directory: Path
) -> NightTruth:
    """Return the record of a night.

    Parameters
    ----------
    cameras
        The camera with each of its detectors, by detector number.
    nights
        The exposures as each of the detectors takes them, in the order of the cameras.
    directory
        Where the raws are to stand.
    """
    first = next(iter(cameras.values()))
    specification = first.specification
    planted = tuple(
        PlantedFault(
            fault=fault.fault,
            exposure=exposure.exposure_id,
            parameters=fault.model_dump(exclude={"fault", "set", "index"}, exclude_none=True),
        )
        for exposure in nights[0]
        for fault in specification.faults
        if fault.set == exposure.set_name and exposure.index in fault.indices
    )
    return NightTruth(
        instrument=specification.instrument,
        day_obs=specification.day_obs,
        camera=specification.camera,
        detectors=tuple(_record_detector(camera) for camera in cameras.values()),
        exposures=tuple(
            _record_exposure(tuple(cameras.values()), parts) for parts in zip(*nights, strict=True)
        ),
        faults=planted,
        directory=directory,
    )


def _record_detector(camera: SimulatedCamera) -> DetectorTruth:
    sensor = camera.sensor
    columns = zip(
        sensor.layout.amplifiers,
        sensor.gain.tolist(),
        sensor.read_noise.tolist(),
        sensor.pedestal.tolist(),
        sensor.nonlinearity.tolist(),
        strict=True,
    )
    return DetectorTruth(
        detector=sensor.layout.id,
        name=sensor.layout.name,
        image_shape=sensor.layout.image_shape,
        amplifiers=tuple(
            AmplifierTruth(
                name=amplifier.name, gain=gain, read_noise=noise, pedestal=pedestal, nonlinearity=bend
            )
            for amplifier, gain, noise, pedestal, bend in columns
        ),
    )


def _record_exposure(
    cameras: tuple[SimulatedCamera, ...], parts: tuple[ScheduledExposure, ...]
) -> ExposureTruth:
    exposure, light = parts[0], cameras[0].light
    conditions = exposure.conditions
    pointing = (0.0, 0.0)
    if conditions.stars is not None:
        pointing = pointing_offset(light.specification.seed, exposure.exposure_id, conditions.stars)
    return ExposureTruth(
        exposure=exposure.exposure_id,
        observation_id=exposure.observation_id,
        set=exposure.set_name,
        index=exposure.index,
        declared_type=exposure.declared_type,
        declared_filter=exposure.declared_filter,
        true_type=conditions.type,
        true_filter=conditions.physical_filter,
        exposure_time=conditions.exposure_time,
        dark_time=conditions.dark_time,
        level=light.lamp_level(exposure),
        sky_level=light.sky_level(exposure),
        fringe_amplitude=light.fringe_amplitude(exposure),
        pointing=pointing,
        fwhm=light.fwhm(exposure),
        frames=tuple(_record_frame(*one) for one in zip(cameras, parts, strict=True)),
    )


def _record_frame(camera: SimulatedCamera, part: ScheduledExposure) -> FrameTruth:
    return FrameTruth(
        detector=part.detector.id,
        file=part.file_name,
        spots=tuple(
            SpotTruth(amplifier=one.amplifier, y=one.y, x=one.x, peak=one.peak) for one in camera.spots(part)
        ),
        faults=part.faults,
    )


def write_truth(
    cameras: Mapping[int, SimulatedCamera],
    nights: Sequence[tuple[ScheduledExposure, ...]],
    truth: NightTruth,
) -> None:
    """Write the record, and the images of all detectors, into the truth directory."""
    for camera, exposures in zip(cameras.values(), nights, strict=True):
        directory = truth.truth_directory(camera.sensor.layout.id)
        for name, (image, unit) in _images(camera, exposures).items():
            stream = io.BytesIO()
            is_image = image.shape == camera.sensor.layout.image_shape
            hdu = fits.PrimaryHDU(image.astype(np.float32) if is_image else image)
            hdu.header["BUNIT"] = unit
            hdu.writeto(stream)
            write_atomically(directory / f"{name}.fits", stream.getvalue())
    write_atomically(truth.directory / TRUTH_DIRECTORY / TRUTH_FILE, truth.model_dump_json(indent=1) + "\n")


type _Images = dict[str, tuple[NDArray[np.float64], str]]


def _images(camera: SimulatedCamera, exposures: Sequence[ScheduledExposure]) -> _Images:
    """All images, matrices and tables about a detector, with their units."""
    sensor, effects = camera.sensor, camera.specification.camera
    images: _Images = {
        "bias": (sensor.bias, "adu"),
        "dark": (sensor.dark_rate, "electron/s"),
        "defects": (_defect_flags(camera), ""),
        "crosstalk": (sensor.crosstalk, ""),
    }
    if sensor.crosstalk_quadratic.any():
        images["crosstalk-quadratic"] = sensor.crosstalk_quadratic, "1/electron"
    if effects.brighter_fatter is not None:
        images["a-matrix"] = np.array(effects.brighter_fatter.a_matrix), "1/electron"
    for exposure in exposures:
        conditions = exposure.conditions
        name = conditions.physical_filter
        if conditions.type in ("flat", "object") and f"flat-{name}" not in images:
            images[f"flat-{name}"] = camera.flat(name), ""
        if camera.light.fringe_amplitude(exposure) and f"fringe-{name}" not in images:
            images[f"fringe-{name}"] = camera.light.fringes(name), ""
        if conditions.sky is not None and conditions.sky.structure:
            images["sky-structure"] = camera.light.sky_structure(), ""
        if conditions.stars is not None and f"stars-{exposure.set_name}" not in images:
            offset = pointing_offset(camera.specification.seed, exposure.exposure_id, conditions.stars)
            field = camera.light.stars(exposure) - np.array([*offset, 0.0])
            images[f"stars-{exposure.set_name}"] = field, ""
    return images


def _defect_flags(camera: SimulatedCamera) -> NDArray[np.float64]:
    """Kinds of defects by pixel: 1 hot, 2 dead, 4 hot column, 8 dead column, summed."""
    defects, flags = camera.sensor.defects, np.zeros(camera.sensor.layout.image_shape)
    for bit, pixels in ((1, defects.hot_pixels), (2, defects.dead_pixels)):
        flags[pixels[:, 0], pixels[:, 1]] += bit
    for bit, runs in ((4, defects.hot_columns), (8, defects.dead_columns)):
        for x, y0, y1 in runs:
            flags[y0:y1, x] += bit
    return flags
