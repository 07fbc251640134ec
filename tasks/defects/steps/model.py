"""Defects as a map of reasons by pixel and as boxes, and the counts that go with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Literal

import numpy as np
import numpy.typing as npt

from infra.images import Metadata
from infra.instruments.layout import Box

__all__ = [
    "Defect",
    "DefectMap",
    "DefectReason",
    "ImageType",
    "from_defects",
    "reason_from_name",
    "reason_name",
]

type ImageType = Literal["bias", "dark", "flat"]
"""Kind of combined calibration that is searched."""


class DefectReason(IntFlag):
    """Why a pixel is a defect; several may hold. Rubin's defects do not keep it."""

    HOT = 1 << 0
    """Above the threshold of its amplifier."""
    COLD = 1 << 1
    """Below the threshold of its amplifier."""
    COLUMN = 1 << 2
    """In a column, or part of one, that has too many defects to trust what lies between them."""
    SATURATED = 1 << 3
    """Saturated in the combined image, or beside a pixel that is."""
    EDGE = 1 << 4
    """At the edge of the sensor."""
    MANUAL = 1 << 5
    """Named by a person."""
    VAMPIRE = 1 << 6
    """Around a pixel that draws the charge of its neighbours."""
    DEAD = 1 << 7
    """In an amplifier without scatter or without light: nothing of it can be trusted."""
    UNKNOWN = 1 << 8
    """Without a value in any exposure: BAD in the combined image."""


def reason_name(reason: DefectReason) -> str:
    """Names of the reasons as they stand in a table, such as "hot+column"."""
    return "+".join(one.name.lower() for one in DefectReason if one & reason and one.name)


def reason_from_name(name: str) -> DefectReason:
    """Reasons of a name that `reason_name` made.

    Raises
    ------
    KeyError
        A part of the name is not that of a reason.
    """
    reason = DefectReason(0)
    for part in name.split("+"):
        reason |= DefectReason[part.strip().upper()]
    return reason


@dataclass(frozen=True, slots=True)
class Defect:
    """A rectangle of defective pixels in the trimmed image, and why they are."""

    box: Box
    """The pixels."""
    reason: DefectReason
    """Everything that holds for any of them."""


@dataclass(frozen=True, slots=True, eq=False)
class DefectMap:
    """The defects of one detector, pixel by pixel."""

    reasons: npt.NDArray[np.uint16]
    """`DefectReason` bits, shape (ny, nx); 0 for a sound pixel."""
    n_hot: Mapping[str, int] = field(default_factory=dict)
    """Pixels found hot, by amplifier."""
    n_cold: Mapping[str, int] = field(default_factory=dict)
    """Pixels found cold, by amplifier."""
    n_bad_columns: int = 0
    """Amplifier columns given up as a whole, each counted once."""
    skipped: tuple[str, ...] = ()
    """Amplifiers that hold nothing to judge: all NO_DATA or not a number."""
    dead: tuple[str, ...] = ()
    """Amplifiers that are defects as a whole, having no scatter or no light."""
    warnings: tuple[str, ...] = ()
    """What a person should know."""

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """True where a pixel is a defect, shape (ny, nx)."""
        return self.reasons != 0

    @property
    def fraction(self) -> float:
        """Fraction of the pixels that are defects."""
        return float(np.count_nonzero(self.reasons)) / self.reasons.size

    def count(self, reason: DefectReason) -> int:
        """Count the pixels for which any of the reasons holds."""
        return int(np.count_nonzero(self.reasons & np.uint16(reason)))

    def cards(self) -> Metadata:
        """Return the counts as FITS cards, under Rubin's keys, and the pixels by reason."""
        cards: Metadata = {"LSST CALIB DEFECTS N_BAD_COLUMNS": self.n_bad_columns}
        cards |= {f"LSST CALIB DEFECTS {name} N_HOT": count for name, count in self.n_hot.items()}
        cards |= {f"LSST CALIB DEFECTS {name} N_COLD": count for name, count in self.n_cold.items()}
        cards["CALPROD DEFECTS FRACTION"] = self.fraction
        cards |= {f"CALPROD DEFECTS {one.name} PIXELS": self.count(one) for one in DefectReason}
        cards["CALPROD DEFECTS SKIPPED AMPLIFIERS"] = ",".join(self.skipped)
        cards["CALPROD DEFECTS DEAD AMPLIFIERS"] = ",".join(self.dead)
        return cards


def from_defects(defects: Iterable[Defect], shape: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """Reasons by pixel, shape ``shape``; what lies outside is left out."""
    reasons = np.zeros(shape, np.uint16)
    for defect in defects:
        box = defect.box
        reasons[max(box.y0, 0) : max(box.y1, 0), max(box.x0, 0) : max(box.x1, 0)] |= np.uint16(defect.reason)
    return reasons
