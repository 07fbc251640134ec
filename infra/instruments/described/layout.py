"""From a camera's description to its model, with the boxes of all amplifiers."""

from dataclasses import dataclass

from infra.instruments.described.description import CameraDescription
from infra.instruments.described.geometry import AmplifierDescription, DetectorDescription
from infra.instruments.geometry import AmplifierModel, CameraModel, DetectorModel, PhysicalFilter
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout, SegmentModel

__all__ = ["DescribedDetector", "camera_model", "described_detector", "detector_layout"]


@dataclass(frozen=True, slots=True)
class DescribedDetector(DetectorModel):
    """A detector of a described camera: its frames have one size, and its amplifiers may differ in theirs.

    Parameters
    ----------
    boxes
        The layout of its frames.
    """

    boxes: DetectorLayout

    def layout(self, segment: SegmentModel | None = None) -> DetectorLayout:
        """Return the boxes of all amplifiers, whatever segment is asked for."""
        return self.boxes


def camera_model(description: CameraDescription) -> CameraModel:
    """Return the model of a described camera."""
    return CameraModel(
        name=description.instrument,
        detectors=tuple(
            sorted((described_detector(one) for one in description.detectors), key=lambda one: one.id)
        ),
        filters=tuple(PhysicalFilter(one.name, one.band) for one in description.filters),
    )


def detector_layout(detector: DetectorDescription) -> DetectorLayout:
    """Return the boxes of all amplifiers of a described detector.

    Parameters
    ----------
    detector
        The description. Columns of amplifiers are as wide, and rows as high, as their segments.
    """
    widths = {one.column: (one.data.width, one.segment.width) for one in detector.amplifiers}
    heights = {one.row: (one.data.height, one.segment.height) for one in detector.amplifiers}
    columns, rows = _edges(widths), _edges(heights)
    return DetectorLayout(
        name=detector.name,
        id=detector.id,
        serial=detector.serial,
        vendor=detector.vendor,
        amplifiers=tuple(_place(one, columns[one.column], rows[one.row]) for one in detector.amplifiers),
        raw_shape=(rows[-1][1], columns[-1][1]),
        image_shape=(rows[-1][0], columns[-1][0]),
    )


def _edges(sizes: dict[int, tuple[int, int]]) -> list[tuple[int, int]]:
    """Return where each column (row) begins in the image and in the raw mosaic, and where the last ends."""
    edges = [(0, 0)]
    for place in range(len(sizes)):
        image, raw = edges[-1]
        edges.append((image + sizes[place][0], raw + sizes[place][1]))
    return edges


def _place(one: AmplifierDescription, x: tuple[int, int], y: tuple[int, int]) -> AmplifierLayout:
    segment, data = one.segment, one.data

    def section(x0: int, y0: int, width: int, height: int) -> Box:
        """Box in the raw mosaic of a section of the HDU's image."""
        dx, dy = x0 - segment.x0, y0 - segment.y0
        dx = segment.width - dx - width if one.flip_x else dx
        dy = segment.height - dy - height if one.flip_y else dy
        return Box(x[1] + dx, y[1] + dy, width, height)

    serial, parallel = one.serial_overscan, one.parallel_overscan
    return AmplifierLayout(
        name=one.name,
        image_box=Box(x[0], y[0], data.width, data.height),
        raw_box=Box(x[1], y[1], segment.width, segment.height),
        data_box=section(data.x0, data.y0, data.width, data.height),
        serial_overscan_box=section(data.x1, data.y0, 0, data.height)
        if serial is None
        else section(serial.x0, data.y0, serial.width, data.height),
        parallel_overscan_box=section(data.x0, data.y1, data.width, 0)
        if parallel is None
        else section(data.x0, parallel.y0, data.width, parallel.height),
        flip_x="R" in one.corner,
        flip_y="U" in one.corner,
        gain=one.gain,
        read_noise=one.read_noise,
        saturation=one.saturation,
        readout_corner=one.corner,
        pedestal=0.0 if one.pedestal is None else one.pedestal,
    )


def described_detector(detector: DetectorDescription) -> DescribedDetector:
    """Return the model of a described detector."""
    first = detector.amplifiers[0]
    return DescribedDetector(
        id=detector.id,
        full_name=detector.name,
        raft="",
        slot=detector.name,
        serial=detector.serial,
        vendor=detector.vendor,
        amplifiers=tuple(
            AmplifierModel(
                name=one.name,
                column=one.column,
                row=one.row,
                flip_x=one.flip_x,
                flip_y=one.flip_y,
                gain=one.gain,
                read_noise=one.read_noise,
                saturation=one.saturation,
            )
            for one in detector.amplifiers
        ),
        segment=SegmentModel(
            naxis1=first.segment.width,
            naxis2=first.segment.height,
            prescan=first.data.x0 - first.segment.x0,
            data_width=first.data.width,
            data_height=first.data.height,
        ),
        boxes=detector_layout(detector),
    )
