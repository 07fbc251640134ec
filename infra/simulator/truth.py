"""The truth beside the raws: what was really done, and what the camera really is."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.errors import UsageError
from infra.simulator.effects import CameraEffects

__all__ = [
    "TRUTH_DIRECTORY",
    "TRUTH_FILE",
    "AmplifierTruth",
    "DetectorTruth",
    "ExposureTruth",
    "FrameTruth",
    "NightTruth",
    "PlantedFault",
    "SpotTruth",
    "load_truth",
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


class FrameTruth(_TruthModel):
    """One detector's part of an exposure."""

    detector: int
    """Detector number."""
    file: str
    """Name of the raw file, beside the truth directory."""
    spots: tuple[SpotTruth, ...] = ()
    """Spots seen."""
    faults: tuple[str, ...] = ()
    """Names of the faults planted in it."""


class ExposureTruth(_TruthModel):
    """One exposure."""

    exposure: int
    """Exposure number."""
    observation_id: str
    """OBSID."""
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
    """Signal of the lamp (electron): its mean on each detector, or in the middle of the focal plane where the
    light over that is simulated."""
    sky_level: float = 0.0
    """Signal of the sky (electron), likewise."""
    fringe_amplitude: float = 0.0
    """Amplitude of the fringes as a fraction of the sky."""
    pointing: tuple[float, float] = (0.0, 0.0)
    """By how much the stars are displaced from the pointing of the set, in y and x (pixel)."""
    fwhm: float = 0.0
    """Width of the stars (pixel); 0 if there are none."""
    frames: tuple[FrameTruth, ...]
    """Each detector's part."""

    @property
    def file(self) -> str:
        """Name of the raw file of the first detector."""
        return self.frames[0].file

    @property
    def spots(self) -> tuple[SpotTruth, ...]:
        """Spots seen by the first detector."""
        return self.frames[0].spots

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults planted, in whichever detector's part."""
        return tuple(dict.fromkeys(fault for frame in self.frames for fault in frame.faults))

    def frame(self, detector: int) -> FrameTruth:
        """Return a detector's part."""
        return next(one for one in self.frames if one.detector == detector)


class PlantedFault(_TruthModel):
    """One fault in one exposure."""

    fault: str
    """Its name."""
    exposure: int
    """Exposure number."""
    parameters: dict[str, str | int | float | None] = Field(default_factory=dict)
    """What the specification says of it."""


class DetectorTruth(_TruthModel):
    """One detector."""

    detector: int
    """Detector number."""
    name: str
    """Full name, such as R22_S11."""
    image_shape: tuple[int, int]
    """Shape (ny, nx) of the trimmed image."""
    amplifiers: tuple[AmplifierTruth, ...]
    """In the order of the raw's HDUs."""


class NightTruth(_TruthModel):
    """The truth about a simulated night; images and tables stand in files beside it."""

    instrument: str
    """Camera."""
    day_obs: int
    """Observing day."""
    camera: CameraEffects
    """The effects and their strengths."""
    detectors: tuple[DetectorTruth, ...]
    """The detectors."""
    exposures: tuple[ExposureTruth, ...]
    """In the order taken."""
    faults: tuple[PlantedFault, ...]
    """By exposure."""
    directory: Path = Field(default=Path(), exclude=True)
    """Where raws and truth stand."""

    @property
    def detector(self) -> int:
        """Number of the first detector."""
        return self.detectors[0].detector

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape (ny, nx) of the trimmed image of the first detector."""
        return self.detectors[0].image_shape

    @property
    def amplifiers(self) -> tuple[AmplifierTruth, ...]:
        """Amplifiers of the first detector."""
        return self.detectors[0].amplifiers

    def exposures_of(self, set_name: str, *, sound_only: bool = False) -> tuple[ExposureTruth, ...]:
        """Return the exposures of a set, or only those without faults."""
        return tuple(
            item for item in self.exposures if item.set == set_name and not (sound_only and item.faults)
        )

    def image(self, name: str, detector: int | None = None) -> NDArray[np.float64]:
        """Return a true image, matrix or table.

        Parameters
        ----------
        name
            "bias" (adu, after both overscan corrections), "dark" (electron/s), "flat-<physical filter>"
            (response to the lamp, of mean 1 over sound pixels, or relative to the middle of the focal plane
            where the light over that is simulated), "defects" (1 hot, 2 dead, 4 hot column, 8 dead column,
            summed), "fringe-<physical filter>" (for an amplitude of 1, of mean 0), "sky-structure" (of
            standard deviation 1), "crosstalk" ([source, target], of electrons), "crosstalk-quadratic"
            (1/electron), "a-matrix" (1/electron, [serial lag][parallel lag]), "stars-<set>" (row, column,
            total signal in electron, [n, 3], at the pointing of the set).
        detector
            Whose; the first one's when None.
        """
        number = self.detector if detector is None else detector
        path = self.truth_directory(number) / f"{name}.fits"
        if not path.exists():
            raise UsageError(f"{path}: the simulated night has no such truth")
        return np.asarray(fits.getdata(path), dtype=np.float64)

    def stars(self, exposure: ExposureTruth, detector: int | None = None) -> NDArray[np.float64]:
        """Return the stars of an exposure: row, column (pixel) and total signal (electron), shape [n, 3]."""
        return self.image(f"stars-{exposure.set}", detector) + np.array([*exposure.pointing, 0.0])

    def truth_directory(self, detector: int) -> Path:
        """Return the folder of a detector's images: its own only if the night has several detectors."""
        directory = self.directory / TRUTH_DIRECTORY
        if len(self.detectors) == 1:
            return directory
        return directory / next(one.name for one in self.detectors if one.detector == detector)


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
