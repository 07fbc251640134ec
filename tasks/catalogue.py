"""The calibrations there are: one line for each, with what a report says and shows of it.

A calibration room knows itself alone; here, beside the stages, all of them are known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from tasks.reporting.figure import Figure

__all__ = ["CATALOGUE", "CalibrationEntry", "entry_of"]

type DrawFigures = Callable[[Any], tuple[Figure, ...]]
"""Draws the figures of one dataset, given as the Butler reads it."""


@dataclass(frozen=True, slots=True)
class CalibrationEntry:
    """One calibration."""

    dataset_type: str
    """Its dataset type, which is its name in profiles and policies."""
    label: str
    """What it is, in words."""
    is_image: bool = False
    """Whether it is an image; others are tables."""
    unit: str = ""
    """Unit of the image; empty for a ratio."""
    room: str = ""
    """Room whose ``figures`` module draws its tables; empty where the figures of images are all."""
    overview: str = ""
    """Table of all detectors together in the same RUN that the room draws as well; empty for none."""

    def figures(self, dataset: Any) -> tuple[Figure, ...]:
        """Draw the figures of one dataset; none for an image.

        Parameters
        ----------
        dataset
            An `astropy.table.Table`, as the Butler reads it.
        """
        return () if self.is_image else self._draw(dataset)

    def overview_figures(self, dataset: Any) -> tuple[Figure, ...]:
        """Draw the figures of the table named by ``overview``.

        Parameters
        ----------
        dataset
            An `astropy.table.Table`, as the Butler reads it.
        """
        return self._draw(dataset) if self.overview else ()

    def _draw(self, dataset: Any) -> tuple[Figure, ...]:
        if not self.room:
            return ()
        # The room is not looked for before it is needed: a command that draws nothing starts without it.
        draw = cast(DrawFigures, import_module(f"tasks.{self.room}.figures").figures)
        return draw(dataset)


_ENTRIES = (
    CalibrationEntry("bias", "combined bias", is_image=True, unit="electron"),
    CalibrationEntry("dark", "combined dark", is_image=True, unit="electron/s"),
    CalibrationEntry("flat", "combined flat", is_image=True, room="flat", overview="flatGradient"),
    CalibrationEntry("defects", "map of defects", room="defects"),
    CalibrationEntry("linearizer", "linearity correction", room="linearity"),
    CalibrationEntry("cti", "charge transfer inefficiency", room="cti"),
    CalibrationEntry("ptc", "photon transfer curve", room="ptc"),
    CalibrationEntry("bfk", "brighter-fatter kernel", room="brighter_fatter"),
    CalibrationEntry(
        "electroBfDistortionMatrix", "distortion of pixels by charge", room="brighter_fatter.electrostatic"
    ),
    CalibrationEntry("crosstalk", "crosstalk matrix", room="crosstalk"),
    CalibrationEntry("gain_correction", "correction of gains", room="gain_correction"),
    CalibrationEntry("spectroFlat", "flat of the spectrograph", is_image=True),
    CalibrationEntry("fringe", "fringe frame", is_image=True),
    CalibrationEntry("sky", "sky frame", is_image=True),
)

CATALOGUE: Mapping[str, CalibrationEntry] = MappingProxyType({one.dataset_type: one for one in _ENTRIES})
"""Calibration by dataset type."""


def entry_of(dataset_type: str) -> CalibrationEntry:
    """Return what is known of a calibration; one from another pipeline is taken for an image."""
    return CATALOGUE.get(dataset_type, CalibrationEntry(dataset_type, dataset_type, is_image=True))
