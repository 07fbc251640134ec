"""What a pipeline may change of the corrections, as configuration of a PipelineTask."""

from dataclasses import replace
from typing import Any, Literal

from lsst.pex.config import ChoiceField, Config, Field, FieldValidationError, ListField

from tasks.isr.amp_offset import AmpOffsetSettings
from tasks.isr.brighter_fatter import BrighterFatterSettings
from tasks.isr.calibrations import CALIBRATION_NAMES
from tasks.isr.steps import (
    CAMERA_STATE,
    CrosstalkSteps,
    IsrSteps,
    Purpose,
    brighter_fatter_of,
    steps_for,
)

__all__ = ["IsrConfig"]

_SWITCHES = (
    *("mask_saturation", "linearize", "mask_defects", "widen_trails", "fill_bad_regions", "interpolate"),
    *("subtract_amp_offset", "correct_gains", "correct_cti", "subtract_fringe"),
)
"""Switches that are named as the step they turn."""


def _switch(doc: str) -> Field[bool]:
    """Field that turns a correction on or off against the chain of the purpose."""
    return Field[bool](
        dtype=bool, default=None, optional=True, doc=f"{doc} None: as the chain of the purpose has it."
    )


type ChargeCorrection = Literal["cti", "bfk", "electroBfDistortionMatrix"]
"""Calibrations that move charge back; none of them is used by every camera."""


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
    correct_gains = _switch("Divide the gains by their correction, if there is one.")
    correct_cti = _switch("Give back charge that came late out of the register, if it has been measured.")
    correct_brighter_fatter = _switch(
        "Put back charge that the brighter-fatter effect has moved, if there is a kernel (or matrix)."
    )
    subtract_fringe = _switch("Subtract fringes, if there is a frame of them.")
    brighter_fatter_method = ChoiceField[str](
        dtype=str,
        default=None,
        optional=True,
        allowed={
            "COULTON18": "By diffusion, with the kernel.",
            "COULTON18_FLUX_CONSERVING": "Through the faces between pixels, with the kernel.",
            "ASTIER23": "By the shifts of the boundaries of pixels, with the electrostatic matrix.",
        },
        doc="Form of the brighter-fatter correction; None for that of the camera: ASTIER23 for LSSTCam, "
        "COULTON18 for others.",
    )
    required = ListField[str](
        dtype=str,
        default=[],
        doc="Calibrations without which nothing is made, among crosstalk, linearizer, ptc, defects, cti, "
        "bfk, electroBfDistortionMatrix, fringe and gain_correction; they are otherwise left out where "
        "there is none.",
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
        for name in _SWITCHES:
            changes[name] = _chosen(getattr(self, name), getattr(steps, name))
        changes["brighter_fatter"] = self._brighter_fatter(steps.brighter_fatter, instrument)
        if changes["subtract_amp_offset"]:
            changes["amp_offset"] = steps.amp_offset or AmpOffsetSettings()
        if not _chosen(self.subtract_crosstalk, steps.crosstalk is not None):
            changes["crosstalk"] = None
        elif steps.crosstalk is None:
            changes["crosstalk"] = CrosstalkSteps()
        return replace(steps, **changes)

    def may_apply(self, name: ChargeCorrection) -> bool:
        """Tell whether the chain of some camera may use a calibration that moves charge.

        Parameters
        ----------
        name
            Of the calibration. A task that has an input for it lets go of it where this says no.
        """
        switch = self.correct_cti if name == "cti" else self.correct_brighter_fatter
        if not _chosen(switch, self.order != "2024-04"):
            return False
        method: Any = self.brighter_fatter_method
        return name == "cti" or method is None or (method == "ASTIER23") == (name != "bfk")

    def _brighter_fatter(
        self, settings: BrighterFatterSettings | None, instrument: str
    ) -> BrighterFatterSettings | None:
        """Return how the brighter-fatter effect is corrected."""
        if not _chosen(self.correct_brighter_fatter, settings is not None):
            return None
        settings = settings or brighter_fatter_of(instrument)
        method: Any = self.brighter_fatter_method
        return settings if method is None else replace(settings, method=method)


def _chosen(value: bool | None, default: bool) -> bool:
    """Value of a switch."""
    return default if value is None else value
