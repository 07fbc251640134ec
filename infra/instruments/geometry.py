"""Cameras: detectors, amplifiers and filters, and the layout of a detector's frame of any size."""

from dataclasses import dataclass

from infra.errors import UsageError
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout, ReadoutCorner, SegmentModel

__all__ = [
    "AmplifierLayout",
    "AmplifierModel",
    "Box",
    "CameraModel",
    "DetectorLayout",
    "DetectorModel",
    "PhysicalFilter",
    "ReadoutCorner",
    "SegmentModel",
]


@dataclass(frozen=True, slots=True)
class AmplifierModel:
    """One amplifier of a camera model.

    Parameters
    ----------
    name
        Segment name, such as "C10".
    column, row
        Place of the segment in the assembled detector, counted from the lower left.
    flip_x, flip_y
        Whether the stored segment is mirrored in x and in y to take its place.
    gain
        Nominal gain (electron/adu).
    read_noise
        Nominal read noise (electron).
    saturation
        Nominal saturation level (adu).
    """

    name: str
    column: int
    row: int
    flip_x: bool
    flip_y: bool
    gain: float
    read_noise: float
    saturation: float

    @property
    def readout_corner(self) -> ReadoutCorner:
        """Corner of the assembled segment that is read out first."""
        if self.flip_y:
            return "UR" if self.flip_x else "UL"
        return "LR" if self.flip_x else "LL"


@dataclass(frozen=True, slots=True)
class DetectorModel:
    """One detector of a camera model, whatever the size of the frame it delivers.

    Parameters
    ----------
    id
        Detector number in the camera.
    full_name
        Raft and slot, such as "R22_S11".
    raft, slot
        Such as "R22" and "S11".
    serial
        Serial number of the sensor; "unknown" where the model does not hold it.
    vendor
        Maker of the sensor: "ITL" or "E2V".
    amplifiers
        In the order of the raw file's HDUs.
    segment
        Sections of one full-size segment.
    """

    id: int
    full_name: str
    raft: str
    slot: str
    serial: str
    vendor: str
    amplifiers: tuple[AmplifierModel, ...]
    segment: SegmentModel

    def layout(self, segment: SegmentModel | None = None) -> DetectorLayout:
        """Return the boxes of all amplifiers.

        Parameters
        ----------
        segment
            Sections of the segments at hand, for frames of reduced size; the full size when None.
        """
        segment = segment or self.segment
        columns = 1 + max(amplifier.column for amplifier in self.amplifiers)
        rows = 1 + max(amplifier.row for amplifier in self.amplifiers)
        return DetectorLayout(
            name=self.full_name,
            id=self.id,
            serial=self.serial,
            vendor=self.vendor,
            amplifiers=tuple(_place(amplifier, segment) for amplifier in self.amplifiers),
            raw_shape=(rows * segment.naxis2, columns * segment.naxis1),
            image_shape=(rows * segment.data_height, columns * segment.data_width),
        )


def _place(amplifier: AmplifierModel, segment: SegmentModel) -> AmplifierLayout:
    x_raw, y_raw = amplifier.column * segment.naxis1, amplifier.row * segment.naxis2

    def section(x0: int, y0: int, width: int, height: int) -> Box:
        """Box in the raw mosaic of a section given in stored (readout) coordinates."""
        x = segment.naxis1 - x0 - width if amplifier.flip_x else x0
        y = segment.naxis2 - y0 - height if amplifier.flip_y else y0
        return Box(x_raw + x, y_raw + y, width, height)

    width, height = segment.data_width, segment.data_height
    return AmplifierLayout(
        name=amplifier.name,
        image_box=Box(amplifier.column * width, amplifier.row * height, width, height),
        raw_box=Box(x_raw, y_raw, segment.naxis1, segment.naxis2),
        data_box=section(segment.prescan, 0, width, height),
        serial_overscan_box=section(segment.prescan + width, 0, segment.serial_overscan, height),
        parallel_overscan_box=section(segment.prescan, height, width, segment.parallel_overscan),
        flip_x=amplifier.flip_x,
        flip_y=amplifier.flip_y,
        gain=amplifier.gain,
        read_noise=amplifier.read_noise,
        saturation=amplifier.saturation,
        readout_corner=amplifier.readout_corner,
    )


@dataclass(frozen=True, slots=True)
class PhysicalFilter:
    """A filter, or combination of filter and grating, under the name the Butler knows.

    Parameters
    ----------
    name
        Physical filter, such as "SDSSr_65mm~empty".
    band
        Band, such as "r"; "unknown" where none is meant.
    """

    name: str
    band: str


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A camera: its detectors and filters.

    Parameters
    ----------
    name
        Instrument name in the Butler: "LATISS", "LSSTComCam", "LSSTCam".
    detectors
        Ordered by detector number.
    filters
        All physical filters the instrument registers.
    """

    name: str
    detectors: tuple[DetectorModel, ...]
    filters: tuple[PhysicalFilter, ...]

    def detector(self, id: int) -> DetectorModel:
        """Return the detector of that number.

        Raises
        ------
        infra.errors.UsageError
            If the camera has no such detector.
        """
        for detector in self.detectors:
            if detector.id == id:
                return detector
        known = f"its detectors are numbered {self.detectors[0].id} to {self.detectors[-1].id}"
        raise UsageError(f"{self.name} has no detector {id}", known)

    def detector_named(self, full_name: str) -> DetectorModel:
        """Return the detector of that full name, such as "R22_S11".

        Raises
        ------
        infra.errors.UsageError
            If the camera has no such detector.
        """
        for detector in self.detectors:
            if detector.full_name == full_name:
                return detector
        first, last = self.detectors[0].full_name, self.detectors[-1].full_name
        raise UsageError(f"{self.name} has no detector {full_name!r}", f"its detectors are {first} to {last}")
