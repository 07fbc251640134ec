"""What a pipeline may change of the corrections, as configuration of a PipelineTask."""

from dataclasses import replace
from typing import Any

from lsst.pex.config import ChoiceField, Config, Field, FieldValidationError, ListField

from tasks.isr.amp_offset import AmpOffsetSettings
from tasks.isr.calibrations import CALIBRATION_NAMES
from tasks.isr.steps import CAMERA_STATE, CrosstalkSteps, IsrSteps, Purpose, steps_for

__all__ = ["IsrConfig"]


def _switch(doc: str) -> Field[bool]:
    """Field that turns a correction on or off against the chain of the purpose."""
    return Field[bool](
        dtype=bool, default=None, optional=True, doc=f"{doc} None: as the chain of the purpose has it."
    )


class IsrConfig(Config):
    """Settings of the corrections; which ones are made follows from what they are made for."""

    order = ChoiceField[str](
        dtype=str,
        default="modern",
        allowed={
            "modern": "Rubin's IsrTaskLSST: electrons, crosstalk and linearity before assembly.",
            "2024-04": "Rubin's IsrTask of 2024-04: adu, crosstalk and linearity after the bias.",
        },
        doc="Order of the corrections.",
    )
    dither = Field[bool](
        dtype=bool, default=True, doc="Add a random number within half an adu to integer counts."
    )
    correct_parallel_overscan = Field[bool](dtype=bool, default=True, doc="Subtract the parallel overscan.")
    saturation_override = Field[float](
        dtype=float,
        default=None,
        optional=True,
        doc="Saturation level of every amplifier (adu); None for the level set for the camera (120000 for "
        "LATISS), else the turnoff of the photon transfer curve, else the level of the camera model.",
    )
    saturation_from_turnoff = Field[bool](
        dtype=bool,
        default=False,
        doc="Take the turnoff of the photon transfer curve even where a level is set for the camera.",
    )
    suspect_level = Field[float](
        dtype=float,
        default=None,
        optional=True,
        doc="Level from which pixels are suspect (adu); None for none.",
    )
    bad_amplifiers = ListField[str](
        dtype=str, default=[], doc="Amplifiers that are bad as a whole, such as C10."
    )
    mask_saturation = _switch("Flag saturated pixels.")
    subtract_crosstalk = _switch("Subtract crosstalk, if there is a matrix.")
    linearize = _switch("Straighten the response, if there is a linearizer.")
    mask_defects = _switch("Flag known defects, if there are any.")
    widen_trails = _switch("Flag what bled out of saturated trails.")
    fill_bad_regions = _switch("Give bad pixels the median of the others.")
    interpolate = _switch("Interpolate over saturated, bad and undefined pixels.")
    subtract_amp_offset = _switch("Subtract the steps between amplifiers.")
    required = ListField[str](
        dtype=str,
        default=[],
        doc="Calibrations without which nothing is made, among crosstalk, linearizer, ptc and defects; they "
        "are otherwise left out where there is none.",
    )
    camera_state = ListField[str](
        dtype=str,
        default=list(CAMERA_STATE),
        doc="Cards in which an exposure is compared with its calibrations.",
    )
    strict = Field[bool](
        dtype=bool,
        default=False,
        doc="Refuse a calibration made in another state of the camera, instead of recording it.",
    )

    def validate(self) -> None:
        """Refuse names that no calibration has."""
        super().validate()
        if unknown := sorted(set(self.required) - set(CALIBRATION_NAMES)):
            raise FieldValidationError(
                type(self).required,
                self,
                f"unknown calibration {', '.join(unknown)}; known are {', '.join(CALIBRATION_NAMES)}",
            )

    def steps(self, purpose: Purpose, instrument: str, *, has_overscan: bool = True) -> IsrSteps:
        """Return the corrections for a purpose.

        Parameters
        ----------
        purpose
            Name of the calibration the exposure is an input of, or ``verify`` and its name.
        instrument
            Name of the camera.
        has_overscan
            Whether its frames have an overscan.
        """
        order: Any = self.order
        steps = steps_for(purpose, instrument, has_overscan=has_overscan, order=order)
        override: float | None = self.saturation_override
        if override is None and not self.saturation_from_turnoff:
            override = steps.saturation_override
        changes: dict[str, Any] = {
            "saturation_override": override,
            "suspect_level": self.suspect_level,
            "bad_amplifiers": tuple(self.bad_amplifiers),
            "optional": steps.optional - set(self.required),
            "camera_state": tuple(self.camera_state),
            "strict": self.strict,
        }
        if not self.dither:
            changes["dithering"] = None
        if not self.correct_parallel_overscan:
            changes["parallel_overscan"] = None
        for name in ("mask_saturation", "linearize", "mask_defects", "widen_trails"):
            changes[name] = _chosen(getattr(self, name), getattr(steps, name))
        for name in ("fill_bad_regions", "interpolate", "subtract_amp_offset"):
            changes[name] = _chosen(getattr(self, name), getattr(steps, name))
        if changes["subtract_amp_offset"]:
            changes["amp_offset"] = steps.amp_offset or AmpOffsetSettings()
        if not _chosen(self.subtract_crosstalk, steps.crosstalk is not None):
            changes["crosstalk"] = None
        elif steps.crosstalk is None:
            changes["crosstalk"] = CrosstalkSteps()
        return replace(steps, **changes)


def _chosen(value: bool | None, default: bool) -> bool:
    """Value of a switch."""
    return default if value is None else value
