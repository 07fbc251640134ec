"""What is known of a detector when an exposure of it is corrected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from infra.images import CalibrationImage, Metadata
from infra.instruments.layout import Box
from tasks.isr.brighter_fatter import BrighterFatterKernel
from tasks.isr.crosstalk_matrix import CrosstalkMatrix
from tasks.isr.cti import DeferredCharge
from tasks.isr.distortion import DistortionMatrix
from tasks.isr.linearity import LinearityCorrection

__all__ = ["CALIBRATION_NAMES", "UNKNOWN_TURNOFF", "AmplifierResponses", "Calibrations"]

CALIBRATION_NAMES = (
    "crosstalk",
    "linearizer",
    "cti",
    "gain_correction",
    "ptc",
    "bias",
    "dark",
    "defects",
    "bfk",
    "electroBfDistortionMatrix",
    "flat",
    "fringe",
)
"""Calibrations that the corrections know how to apply."""

_FIELDS = {"ptc": "responses", "electroBfDistortionMatrix": "distortion"}
"""Fields of `Calibrations` that are not named as the calibration is."""

UNKNOWN_TURNOFF = 2e19
"""Turnoff (adu) of an amplifier that has none (Rubin ip_isr): no pixel reaches it."""


@dataclass(frozen=True, slots=True)
class AmplifierResponses:
    """How the amplifiers of a detector respond to charge; every amplifier has finite numbers."""

    gains: Mapping[str, float]
    """electron/adu, by amplifier; 1 where none could be measured."""
    read_noises: Mapping[str, float]
    """electron, by amplifier; 1 where none could be measured."""
    turnoffs: Mapping[str, float]
    """Level (adu) above which the response is lost, by amplifier; `UNKNOWN_TURNOFF` where there is none."""
    bad: tuple[str, ...] = ()
    """Amplifiers of which nothing could be measured."""
    source: Literal["ptc", "linearizer"] = "ptc"
    """Calibration that the numbers come from."""

    @classmethod
    def usable(
        cls,
        gains: Mapping[str, float],
        read_noises: Mapping[str, float],
        turnoffs: Mapping[str, float],
        bad: tuple[str, ...] = (),
        source: Literal["ptc", "linearizer"] = "ptc",
    ) -> "AmplifierResponses":
        """Return responses with numbers in place of what is not finite.

        Notes
        -----
        Rubin ip_isr: a gain or read noise that is not finite becomes 1, a turnoff 2e19; an amplifier without
        a gain is bad, here also if the list of bad amplifiers does not name it.
        """
        lost = tuple(name for name, gain in gains.items() if not (np.isfinite(gain) and gain > 0))
        return cls(
            gains={name: 1.0 if name in lost else float(gain) for name, gain in gains.items()},
            read_noises={
                name: float(noise) if np.isfinite(noise) else 1.0 for name, noise in read_noises.items()
            },
            turnoffs={
                name: float(level) if np.isfinite(level) else UNKNOWN_TURNOFF
                for name, level in turnoffs.items()
            },
            bad=tuple(name for name in gains if name in lost or name in bad),
            source=source,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Calibrations:
    """Calibrations of one detector at hand; None where there is none."""

    bias: CalibrationImage | None = None
    """electron, or adu in a chain that works in adu."""
    dark: CalibrationImage | None = None
    """Per second of dark time, otherwise as the bias."""
    flat: CalibrationImage | None = None
    """About 1."""
    crosstalk: CrosstalkMatrix | None = None
    """What the amplifiers add to each other."""
    linearizer: Mapping[str, LinearityCorrection] | None = None
    """Correction (adu) by amplifier."""
    responses: AmplifierResponses | None = None
    """Gains, read noises and turnoffs; those of the camera model are used without."""
    linearizer_responses: AmplifierResponses | None = None
    """Gains and turnoffs that the linearizer was made with, for chains that come before the curve."""
    cti: Mapping[str, DeferredCharge] | None = None
    """Charge that comes late out of the serial register, by amplifier."""
    gain_correction: Mapping[str, float] | None = None
    """Factor by which each gain, and so the data, is divided, by amplifier (ip_isr's GAIN_ADJUSTMENT): an
    amplifier whose pixels come out too high by r has r. It is what cp_pipe measures and divides its own ratio
    by; ip_isr multiplies the gain by it, which doubles the error."""
    bfk: BrighterFatterKernel | None = None
    """Brighter-fatter kernel (1/electron)."""
    distortion: DistortionMatrix | None = None
    """Shifts of the pixels' boundaries by one electron (dataset type electroBfDistortionMatrix)."""
    fringe: CalibrationImage | None = None
    """About 0, in units of the level of the sky."""
    defects: tuple[Box, ...] | None = None
    """Boxes of the trimmed image; an empty tuple says that there are no defects."""
    headers: Mapping[str, Metadata] = field(default_factory=lambda: MappingProxyType({}))
    """Cards of the calibrations by name (see `CALIBRATION_NAMES`), which tell the state of the camera they
    were made in."""

    def has(self, name: str) -> bool:
        """Tell whether the calibration of that name is at hand (see `CALIBRATION_NAMES`)."""
        return getattr(self, self.field_of(name)) is not None

    @staticmethod
    def field_of(name: str) -> str:
        """Return the field that holds the calibration of that name."""
        return _FIELDS.get(name, name)
