"""The truth beside the raws: what was really done, and what the camera really is."""

import io
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.errors import UsageError
from infra.files import write_atomically
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.scheduled import ScheduledExposure

__all__ = [
    "AmplifierTruth",
    "ExposureTruth",
    "NightTruth",
    "PlantedFault",
    "SpotTruth",
    "load_truth",
    "record_truth",
    "write_truth",
]

TRUTH_DIRECTORY = "truth"
TRUTH_FILE = "truth.json"


class _TruthModel(BaseModel):
    """Part of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AmplifierTruth(_TruthModel):
    """One amplifier."""

    name: str
    """Segment name."""
    gain: float
    """Electron/adu."""
    read_noise: float
    """Electron."""
    pedestal: float
    """Adu."""
    nonlinearity: float
    """Coefficient (1/adu): measured = true - coefficient * true**2."""


class SpotTruth(_TruthModel):
    """One source of an exposure."""

    amplifier: str
    """Amplifier it lies on."""
    y: float
    """Row in the assembled detector (pixel)."""
    x: float
    """Column in the assembled detector (pixel)."""
    peak: float
    """Signal at its centre (electron)."""


class ExposureTruth(_TruthModel):
    """One exposure."""

    exposure: int
    """Exposure number."""
    observation_id: str
    """OBSID."""
    file: str
    """Name of the raw file, beside the truth directory."""
    set: str
    """Name of its set."""
    index: int
    """Place in the set, from 0."""
    declared_type: str
    """What the header says."""
    declared_filter: str
    """What the header says."""
    true_type: str
    """What it is."""
    true_filter: str
    """What was in the beam."""
    exposure_time: float
    """True exposure time (s)."""
    dark_time: float
    """True time during which dark current was collected (s)."""
    level: float
    """Mean signal of the lamp (electron)."""
    spots: tuple[SpotTruth, ...] = ()
    """Sources of an object exposure."""
    faults: tuple[str, ...]
    """Names of the faults planted in it."""


class PlantedFault(_TruthModel):
    """One fault in one exposure."""

    fault: str
    """Its name."""
    exposure: int
    """Exposure number."""
    parameters: dict[str, str | int | float | None] = Field(default_factory=dict)
    """What the specification says of it."""


class NightTruth(_TruthModel):
    """The truth about a simulated night; images and tables stand in files beside it."""

    instrument: str
    """Camera."""
    detector: int
    """Detector number."""
    day_obs: int
    """Observing day."""
    image_shape: tuple[int, int]
    """Shape (ny, nx) of the trimmed detector."""
    amplifiers: tuple[AmplifierTruth, ...]
    """In the order of the raw's HDUs."""
    exposures: tuple[ExposureTruth, ...]
    """In the order taken."""
    faults: tuple[PlantedFault, ...]
    """By exposure."""
    directory: Path = Field(default=Path(), exclude=True)
    """Where raws and truth stand."""

    def exposures_of(self, set_name: str, *, sound_only: bool = False) -> tuple[ExposureTruth, ...]:
        """Return the exposures of a set, or only those without faults."""
        return tuple(
            item for item in self.exposures if item.set == set_name and not (sound_only and item.faults)
        )

    def image(self, name: str) -> NDArray[np.float64]:
        """Return a true image or matrix.

        Parameters
        ----------
        name
            "bias" (adu, after both overscan corrections), "dark" (electron/s), "flat-<physical filter>" (mean
            1 over sound pixels), "defects" (1 hot, 2 dead, 4 hot column, 8 dead column, summed), "crosstalk"
            ([source, target], of electrons), "crosstalk-quadratic" (1/electron), "a-matrix" (1/electron,
            [serial lag][parallel lag]).
        """
        path = self.directory / TRUTH_DIRECTORY / f"{name}.fits"
        if not path.exists():
            raise UsageError(f"{path}: the simulated night has no such truth")
        return np.asarray(fits.getdata(path), dtype=np.float64)


def record_truth(
    camera: SimulatedCamera, exposures: tuple[ScheduledExposure, ...], directory: Path
) -> NightTruth:
    """Return the record of a night."""
    specification, sensor = camera.specification, camera.sensor
    planted = tuple(
        PlantedFault(
            fault=fault.fault,
            exposure=exposure.exposure_id,
            parameters=fault.model_dump(exclude={"fault", "set", "index"}),
        )
        for exposure in exposures
        for fault in specification.faults
        if fault.set == exposure.set_name and exposure.index in fault.indices
    )
    return NightTruth(
        instrument=specification.instrument,
        detector=specification.detector,
        day_obs=specification.day_obs,
        image_shape=sensor.layout.image_shape,
        amplifiers=tuple(
            AmplifierTruth(
                name=amplifier.name, gain=gain, read_noise=noise, pedestal=pedestal, nonlinearity=bend
            )
            for amplifier, gain, noise, pedestal, bend in zip(
                sensor.layout.amplifiers,
                sensor.gain.tolist(),
                sensor.read_noise.tolist(),
                sensor.pedestal.tolist(),
                sensor.nonlinearity.tolist(),
                strict=True,
            )
        ),
        exposures=tuple(_record_exposure(camera, exposure) for exposure in exposures),
        faults=planted,
        directory=directory,
    )


def _record_exposure(camera: SimulatedCamera, exposure: ScheduledExposure) -> ExposureTruth:
    conditions = exposure.conditions
    return ExposureTruth(
        exposure=exposure.exposure_id,
        observation_id=exposure.observation_id,
        file=exposure.file_name,
        set=exposure.set_name,
        index=exposure.index,
        declared_type=exposure.declared_type,
        declared_filter=exposure.declared_filter,
        true_type=conditions.type,
        true_filter=conditions.physical_filter,
        exposure_time=conditions.exposure_time,
        dark_time=conditions.dark_time,
        level=camera.light_level(exposure),
        spots=tuple(
            SpotTruth(amplifier=one.amplifier, y=one.y, x=one.x, peak=one.peak)
            for one in camera.spots(exposure)
        ),
        faults=exposure.faults,
    )


def write_truth(camera: SimulatedCamera, truth: NightTruth) -> None:
    """Write the record and its images into the truth directory."""
    sensor, defects = camera.sensor, camera.sensor.defects
    directory = truth.directory / TRUTH_DIRECTORY
    flags = np.zeros(truth.image_shape)
    for bit, pixels in ((1, defects.hot_pixels), (2, defects.dead_pixels)):
        flags[pixels[:, 0], pixels[:, 1]] += bit
    for bit, runs in ((4, defects.hot_columns), (8, defects.dead_columns)):
        for x, y0, y1 in runs:
            flags[y0:y1, x] += bit
    images = {"bias": sensor.bias, "dark": sensor.dark_rate, "defects": flags, "crosstalk": sensor.crosstalk}
    units = {"bias": "adu", "dark": "electron/s"}
    if sensor.crosstalk_quadratic.any():
        images["crosstalk-quadratic"] = sensor.crosstalk_quadratic
        units["crosstalk-quadratic"] = "1/electron"
    if (brighter_fatter := camera.specification.camera.brighter_fatter) is not None:
        images["a-matrix"] = np.array(brighter_fatter.a_matrix)
        units["a-matrix"] = "1/electron"
    for name in {item.true_filter for item in truth.exposures if item.true_type in ("flat", "object")}:
        images[f"flat-{name}"] = camera.flat(name)
    for name, image in images.items():
        stream = io.BytesIO()
        hdu = fits.PrimaryHDU(image.astype(np.float32) if image.shape == truth.image_shape else image)
        hdu.header["BUNIT"] = units.get(name, "")
        hdu.writeto(stream)
        write_atomically(directory / f"{name}.fits", stream.getvalue())
    write_atomically(directory / TRUTH_FILE, truth.model_dump_json(indent=1) + "\n")


def load_truth(directory: str | Path) -> NightTruth:
    """Return the truth about the simulated night in a directory.

    Raises
    ------
    infra.errors.UsageError
        If there is none, or it cannot be read.
    """
    path = Path(directory) / TRUTH_DIRECTORY / TRUTH_FILE
    try:
        truth = NightTruth.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path}: no readable truth of a simulated night: {reason}") from None
    return truth.model_copy(update={"directory": Path(directory)})
