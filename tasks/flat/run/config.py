"""Settings of the tasks that make flats of many detectors."""

from dataclasses import replace
from typing import Any

from lsst.pex.config import ChoiceField, Config, ConfigField, Field, ListField, RangeField

from infra.instruments import camera
from tasks.flat.gradient.bins import BIN_SIZE
from tasks.flat.gradient.recipe import GradientSettings, gradient_settings
from tasks.isr.config import IsrConfig
from tasks.verification.pipeline_task import VerificationConfig

__all__ = ["GAIN_SOURCE", "ApplyConfig", "BinConfig", "ColoursConfig", "FocalPlaneChecks", "GradientConfig"]
__all__ += ["LevelsConfig", "NormalizeConfig"]

GAIN_SOURCE = "LSST ISR GAIN SOURCE"
"""Card that says where the gains of a flat come from."""


class LevelsConfig(Config):
    """Settings of the measurement of levels."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied to each exposure.")


class NormalizeConfig(Config):
    """Settings of the comparison of levels."""

    level = ChoiceField[str](
        dtype=str,
        default="DETECTOR",
        allowed={"DETECTOR": "Levels of whole detectors.", "AMP": "Levels of amplifiers."},
        doc="Which levels are compared.",
    )


class BinConfig(Config):
    """Settings of the bins of a flat."""

    bin_size = RangeField(
        dtype=int,
        default=BIN_SIZE,
        min=1,
        doc="Side of a bin (pixels); detectors of few pixels have smaller ones.",
    )


class GradientConfig(Config):
    """Settings of the fit of the light; what is not set is as the camera has it."""

    nodes = ListField[float](dtype=float, default=[], doc="Radii of the nodes (mm); none: as the camera has.")
    initial_nodes = ListField[float](dtype=float, default=[], doc="The same for the first pass.")
    fit_plane = Field[bool](dtype=bool, default=None, optional=True, doc="Fit a slope.")
    fit_shift = Field[bool](dtype=bool, default=None, optional=True, doc="Fit the middle of the radial part.")
    last_is_zero = Field[bool](dtype=bool, default=None, optional=True, doc="No light at the last node.")
    normalise_centre = Field[bool](
        dtype=bool, default=None, optional=True, doc="Make the middle of the focal plane 1."
    )

    def settings(self, instrument: str) -> GradientSettings:
        """Return what is fitted for a camera."""
        nodes, initial = tuple(self.nodes), tuple(self.initial_nodes)
        changes: dict[str, Any] = {}
        if nodes:
            changes = {"nodes": nodes, "initial_nodes": initial or nodes}
        elif initial:
            changes = {"initial_nodes": initial}
        for name in ("fit_plane", "fit_shift", "last_is_zero", "normalise_centre"):
            if getattr(self, name) is not None:
                changes[name] = getattr(self, name)
        return replace(gradient_settings(camera(instrument)), **changes)


class ApplyConfig(Config):
    """Settings of the removal of the light of the screen."""

    mask_vignetting = Field[bool](
        dtype=bool, default=True, doc="Flag where the telescope holds light back, where it does."
    )


class ColoursConfig(Config):
    """Settings of the merging of two colours."""

    first_weight = RangeField(
        dtype=float, default=0.5, min=0.0, max=1.0, doc="Weight of the first; the second has the rest."
    )


class FocalPlaneChecks(VerificationConfig):
    """Settings of the verification of the flats of many detectors."""

    def setDefaults(self) -> None:
        """Keep where the gains come from: what amplifiers may differ by depends on it."""
        self.header_keys = [*self.header_keys, GAIN_SOURCE]
