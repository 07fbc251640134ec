"""Boxes: where every pixel of one frame of a detector lies, in the raw mosaic and in the trimmed image."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from infra.errors import UsageError

__all__ = [
    "AmplifierLayout",
    "Box",
    "DetectorLayout",
    "ReadoutCorner",
    "SegmentModel",
    "layout_from_json",
    "layout_to_json",
]

type ReadoutCorner = Literal["LL", "LR", "UL", "UR"]
"""The corner of an assembled amplifier whose pixel is read out first: lower or upper, left or right."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels.

    Parameters
    ----------
    x0, y0
        Lower-left pixel, 0-based.
    width, height
        Size in pixels; both may be 0 (no such section).
    """

    x0: int
    y0: int
    width: int
    height: int

    @property
    def x1(self) -> int:
        """First column to the right of the box."""
        return self.x0 + self.width

    @property
    def y1(self) -> int:
        """First row above the box."""
        return self.y0 + self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array [y, x]."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (ny, nx) of the array the box cuts out."""
        return self.height, self.width

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class SegmentModel:
    """The sections of one amplifier's segment as it is stored in a raw file, pixel (0, 0) read out first.

    Parameters
    ----------
    naxis1, naxis2
        Columns and rows of the stored segment.
    prescan
        Leading serial prescan columns.
    data_width, data_height
        Columns and rows of light-sensitive pixels; they start at (prescan, 0). What is left is serial
        overscan (behind in x) and parallel overscan (behind in y).
    """

    naxis1: int
    naxis2: int
    prescan: int
    data_width: int
    data_height: int

    def __post_init__(self) -> None:
        if min(self.data_width, self.data_height) < 1 or self.prescan < 0:
            raise ValueError(f"a segment needs data pixels and a prescan of 0 or more: {self}")
        if self.serial_overscan < 0 or self.parallel_overscan < 0:
            raise ValueError(f"sections exceed the {self.naxis1} x {self.naxis2} pixels: {self}")

    @property
    def serial_overscan(self) -> int:
        """Columns of serial overscan."""
        return self.naxis1 - self.prescan - self.data_width

    @property
    def parallel_overscan(self) -> int:
        """Rows of parallel overscan."""
        return self.naxis2 - self.data_height


@dataclass(frozen=True, slots=True)
class AmplifierLayout:
    """The boxes of one amplifier, for one size of frame.

    Parameters
    ----------
    name
        Segment name, such as "C10".
    image_box
        The amplifier's data pixels in the trimmed detector image.
    raw_box
        The whole segment in the raw mosaic: the untrimmed detector image, in which each segment stands
        already mirrored to assembled orientation.
    data_box, serial_overscan_box, parallel_overscan_box
        Sections of the segment, in the raw mosaic. The serial overscan stands beside the data rows, the
        parallel overscan above or below the data columns; the corner where both cross belongs to neither.
    flip_x, flip_y
        Whether the stored segment was mirrored in x and in y.
    gain
        Nominal gain (electron/adu).
    read_noise
        Nominal read noise (electron).
    saturation
        Nominal saturation level (adu).
    readout_corner
        Corner of the assembled segment that is read out first.
    pedestal
        Nominal level without light (adu), where no overscan tells it.
    """

    name: str
    image_box: Box
    raw_box: Box
    data_box: Box
    serial_overscan_box: Box
    parallel_overscan_box: Box
    flip_x: bool
    flip_y: bool
    gain: float
    read_noise: float
    saturation: float
    readout_corner: ReadoutCorner
    pedestal: float = 0.0


@dataclass(frozen=True, slots=True)
class DetectorLayout:
    """A detector with the boxes of all its amplifiers, for one size of frame.

    Parameters
    ----------
    name
        Full name, such as "R22_S11".
    id
        Detector number in the camera.
    serial
        Serial number of the sensor, such as "ITL-3800C-068".
    vendor
        Maker of the sensor: "ITL" or "E2V".
    amplifiers
        In the order of the raw file's HDUs: C10…C17, C07…C00.
    raw_shape, image_shape
        Shapes (ny, nx) of the raw mosaic and of the trimmed detector image.
    """

    name: str
    id: int
    serial: str
    vendor: str
    amplifiers: tuple[AmplifierLayout, ...]
    raw_shape: tuple[int, int]
    image_shape: tuple[int, int]

    def amplifier(self, name: str) -> AmplifierLayout:
        """Return the amplifier of that name.

        Raises
        ------
        infra.errors.UsageError
            If the detector has no such amplifier.
        """
        for amplifier in self.amplifiers:
            if amplifier.name == name:
                return amplifier
        known = ", ".join(amplifier.name for amplifier in self.amplifiers)
        raise UsageError(f"detector {self.name} has no amplifier {name!r}", f"one of {known}")


_BOXES = ("image_box", "raw_box", "data_box", "serial_overscan_box", "parallel_overscan_box")


def layout_to_json(layout: DetectorLayout) -> str:
    """Return a layout as text that can travel in the metadata of an image."""
    return json.dumps(asdict(layout), separators=(",", ":"))


def layout_from_json(text: str) -> DetectorLayout:
    """Return the layout that `layout_to_json` wrote."""
    values = json.loads(text)
    amplifiers = tuple(
        AmplifierLayout(**{**one, **{name: Box(**one[name]) for name in _BOXES}})
        for one in values["amplifiers"]
    )
    shapes = {name: tuple(values[name]) for name in ("raw_shape", "image_shape")}
    return DetectorLayout(**{**values, **shapes, "amplifiers": amplifiers})
