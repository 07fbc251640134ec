"""The detectors of a described camera: which pixels are data, which overscan, and where they go."""

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from infra.instruments.described.sources import FILE_NAME, Conditions
from infra.instruments.layout import Box, ReadoutCorner
from infra.settings.base import SettingsModel

__all__ = ["AmplifierDescription", "DetectorDescription", "Section"]

_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]$")


def _box(value: object) -> object:
    if isinstance(value, Box):
        return value
    match = _SECTION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('expected a section such as "[1:1024,1:1024]", in quotes')
    x0, x1, y0, y1 = (int(group) for group in match.groups())
    if not (1 <= x0 <= x1 and 1 <= y0 <= y1):
        raise ValueError("expected a section [first:last,first:last] counted from 1, first not after last")
    return Box(x0 - 1, y0 - 1, x1 - x0 + 1, y1 - y0 + 1)


def _text(box: Box) -> str:
    return f"[{box.x0 + 1}:{box.x1},{box.y0 + 1}:{box.y1}]"


type Section = Annotated[Any, BeforeValidator(_box), PlainSerializer(_text, return_type=str)]
"""A rectangle of pixels as FITS writes it, ``[x0:x1,y0:y1]``: counted from 1, both ends included."""


class AmplifierDescription(SettingsModel):
    """One amplifier: its pixels in the file, its place in the detector, and its nominal values."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,16}$")]
    """Name of the amplifier, such as ``A`` or ``C10``."""
    hdu: int | str = 0
    """HDU that holds its pixels: number in the file (0 is the primary), or EXTNAME."""
    data: Section
    """Light-sensitive pixels, a section of the HDU's image."""
    serial_prescan: Section | None = None
    """Columns read before the data; left out of the image."""
    serial_overscan: Section | None = None
    """Columns of serial overscan, beside the data."""
    parallel_overscan: Section | None = None
    """Rows of parallel overscan, above or below the data."""
    column: Annotated[int, Field(ge=0)] = 0
    """Place of the amplifier in the detector, counted from the left, 0 the first."""
    row: Annotated[int, Field(ge=0)] = 0
    """Place of the amplifier in the detector, counted from below, 0 the first."""
    flip_x: bool = False
    """Whether the pixels as stored must be mirrored left to right to stand in their place."""
    flip_y: bool = False
    """Whether the pixels as stored must be mirrored top to bottom to stand in their place."""
    readout_corner: ReadoutCorner | None = None
    """Corner read out first, in the assembled detector: LL, LR, UL or UR; by default that of the stored pixel
    (1, 1) once it is mirrored."""
    gain: Annotated[float, Field(gt=0)]
    """Nominal gain (electron/adu)."""
    read_noise: Annotated[float, Field(gt=0)]
    """Nominal read noise (electron)."""
    saturation: Annotated[float, Field(gt=0)]
    """Nominal saturation level, pedestal included (adu)."""
    pedestal: Annotated[float, Field(ge=0)] | None = None
    """Usual level of a bias exposure (adu); needed without serial overscan, from which it is else told."""

    @property
    def segment(self) -> Box:
        """All its pixels: the smallest section that holds data, prescan and overscans."""
        boxes = [box for _, box in self._sections()]
        x0, y0 = min(box.x0 for box in boxes), min(box.y0 for box in boxes)
        return Box(x0, y0, max(box.x1 for box in boxes) - x0, max(box.y1 for box in boxes) - y0)

    @property
    def corner(self) -> ReadoutCorner:
        """Corner of the assembled amplifier that is read out first."""
        if self.readout_corner is not None:
            return self.readout_corner
        if self.flip_y:
            return "UR" if self.flip_x else "UL"
        return "LR" if self.flip_x else "LL"

    def _sections(self) -> list[tuple[str, Box]]:
        named = ("data", "serial_prescan", "serial_overscan", "parallel_overscan")
        return [(name, box) for name in named if (box := getattr(self, name)) is not None]

    @model_validator(mode="after")
    def _check_sections(self) -> Self:
        sections = self._sections()
        for i, (name, box) in enumerate(sections):
            for other_name, other in sections[:i]:
                if _overlap(box, other):
                    raise ValueError(f"expected {name} {_text(box)} and {other_name} {_text(other)} apart")
        data, serial, parallel = self.data, self.serial_overscan, self.parallel_overscan
        if serial is not None and not (serial.y0 <= data.y0 and serial.y1 >= data.y1):
            raise ValueError("expected serial_overscan to hold all rows of the data")
        if parallel is not None and not (parallel.x0 <= data.x0 and parallel.x1 >= data.x1):
            raise ValueError("expected parallel_overscan to hold all columns of the data")
        if serial is None and self.pedestal is None:
            raise ValueError(
                "expected pedestal, the level of a bias exposure (adu), where there is no serial_overscan"
            )
        return self


def _overlap(one: Box, other: Box) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


class DetectorDescription(SettingsModel):
    """One detector; a file holds the pixels of one."""

    id: Annotated[int, Field(ge=0, le=255)]
    """Number of the detector in the camera."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")]
    """Full name, such as ``R22_S11`` or ``CCD1``."""
    serial: str = "unknown"
    """Serial number of the sensor."""
    vendor: str = "unknown"
    """Maker of the sensor."""
    when: Conditions = Field(default_factory=dict)
    """Header cards that tell this detector from the camera's others."""
    image_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    """Columns and rows of every image HDU of its amplifiers: NAXIS1 and NAXIS2."""
    amplifiers: Annotated[tuple[AmplifierDescription, ...], Field(min_length=1)]
    """Its amplifiers."""

    @model_validator(mode="after")
    def _check_amplifiers(self) -> Self:
        if FILE_NAME in self.when:  # the Butler may keep the raw under another name
            raise ValueError("expected header cards in 'when': the name of a file may change")
        columns, rows = self.image_size
        names, places = (
            [one.name for one in self.amplifiers],
            [(one.column, one.row) for one in self.amplifiers],
        )
        for one in self.amplifiers:
            if one.segment.x1 > columns or one.segment.y1 > rows:
                raise ValueError(
                    f"expected the sections of amplifier {one.name} within image_size {columns} x {rows}"
                )
        if len(set(names)) < len(names):
            raise ValueError("expected every amplifier to have a name of its own")
        grid = {(x, y) for x in range(1 + max(places)[0]) for y in range(1 + max(y for _, y in places))}
        if len(set(places)) < len(places) or set(places) != grid:
            raise ValueError("expected one amplifier at every column and row of the detector")
        for one in self.amplifiers:
            self._check_neighbours(one)
        return self

    def _check_neighbours(self, one: AmplifierDescription) -> None:
        """Check that amplifiers in one column are equally wide, and those in one row equally high."""
        for other in self.amplifiers:
            if one.column == other.column and _widths(one) != _widths(other):
                raise ValueError(f"expected {one.name} and {other.name}, in one column, to be equally wide")
            if one.row == other.row and _heights(one) != _heights(other):
                raise ValueError(f"expected {one.name} and {other.name}, in one row, to be equally high")


def _widths(one: AmplifierDescription) -> tuple[int, int]:
    return one.data.width, one.segment.width


def _heights(one: AmplifierDescription) -> tuple[int, int]:
    return one.data.height, one.segment.height
