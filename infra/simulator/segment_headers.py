"""Headers of a raw's segments: where the data lie in the segment, and the segment in the detector."""

import functools

from infra.instruments import camera
from infra.instruments.focal_plane import PIXEL_SIZE, RAFT_PITCH, detector_centre
from infra.instruments.geometry import AmplifierModel, DetectorModel, SegmentModel
from infra.simulator.fits_writing import Card, header_text

__all__ = ["segment_headers"]

type _Offsets = tuple[tuple[float, float], tuple[float, float]]
"""Origin of a detector in the raft's and in the focal plane's system (pixel; parallel, serial)."""

_LATISS_OFFSETS = (125.0, 89.0), (12825.0, 89.0)
_RAFT_CORNER = 6350.0
"""Distance of the corner of a raft from its middle, along either axis (pixel)."""


@functools.cache
def segment_headers(instrument: str, detector: DetectorModel, segment: SegmentModel) -> tuple[str, ...]:
    """Return the cards of every segment, in the order of the HDUs.

    Parameters
    ----------
    instrument
        Name of the camera.
    detector
        From the camera model.
    segment
        Sections of the frames at hand.
    """
    columns = 1 + max(amplifier.column for amplifier in detector.amplifiers)
    rows = 1 + max(amplifier.row for amplifier in detector.amplifiers)
    size = columns * segment.data_width, rows * segment.data_height
    offsets = _offsets(instrument, detector)
    return tuple(
        header_text(
            [
                Card("CHANNEL", channel),
                Card("EXTNAME", f"Segment{amplifier.name[1:]}"),
                Card("CCDSUM", "1 1"),
                *_sections(amplifier, segment, size),
                *_transformation(amplifier, segment, size[1]),
                *_coordinate_systems(amplifier, segment, size[1], offsets),
                *(Card("BSCALE", 1.0), Card("BZERO", 0.0), Card("INHERIT", True)),
            ]
        )
        for channel, amplifier in enumerate(detector.amplifiers, start=1)
    )


def _offsets(instrument: str, detector: DetectorModel) -> _Offsets:
    """Return where a camera places a detector in the raft's and in the focal plane's system."""
    if instrument == "LATISS":
        return _LATISS_OFFSETS
    x, y = (round(middle / PIXEL_SIZE) for middle in detector_centre(camera(instrument), detector.id))
    height, width = detector.layout().image_shape
    focal_plane = y - height / 2.0, x - width / 2.0
    raft_y, raft_x = ((int(digit) - 2) * RAFT_PITCH / PIXEL_SIZE for digit in detector.raft[1:3])
    return (focal_plane[0] - raft_y + _RAFT_CORNER, focal_plane[1] - raft_x + _RAFT_CORNER), focal_plane


def _sections(amplifier: AmplifierModel, segment: SegmentModel, size: tuple[int, int]) -> list[Card]:
    """Return DATASEC, DETSEC, DETSIZE; DETSEC's y range is of the wrong half, as in the camera's files."""
    width, height = segment.data_width, segment.data_height
    x0, x1 = amplifier.column * width + 1, (amplifier.column + 1) * width
    x_range = f"{x1}:{x0}" if amplifier.flip_x else f"{x0}:{x1}"
    y_range = f"1:{height}" if amplifier.flip_y else f"{size[1]}:{size[1] - height + 1}"
    return [
        Card("DATASEC", f"[{segment.prescan + 1}:{segment.prescan + width},1:{height}]"),
        Card("DETSEC", f"[{x_range},{y_range}]"),
        Card("DETSIZE", f"[1:{size[0]},1:{size[1]}]"),
    ]


def _serial_origin(amplifier: AmplifierModel, segment: SegmentModel) -> float:
    """Return the serial detector coordinate of the column before the first one read out."""
    left = amplifier.column * segment.data_width
    if amplifier.flip_x:
        return float(left + segment.data_width + segment.prescan + 1)
    return float(left - segment.prescan)


def _transformation(amplifier: AmplifierModel, segment: SegmentModel, height: int) -> list[Card]:
    """Return the detector transformation: DTV and DTM cards."""
    x_sign, y_sign = (-1.0 if amplifier.flip_x else 1.0), (1.0 if amplifier.flip_y else -1.0)
    return [
        Card("DTV1", int(_serial_origin(amplifier, segment))),
        Card("DTV2", 0 if amplifier.flip_y else height + 1),
        *(Card("DTM1_1", x_sign), Card("DTM2_2", y_sign), Card("DTM1_2", 0.0), Card("DTM2_1", 0.0)),
    ]


def _coordinate_systems(
    amplifier: AmplifierModel, segment: SegmentModel, height: int, offsets: _Offsets
) -> list[Card]:
    """Return the seven linear coordinate systems, of amplifier, detector, raft and focal plane."""
    serial_sign, parallel_sign = (-1.0 if amplifier.flip_x else 1.0), (-1.0 if amplifier.flip_y else 1.0)
    serial = _serial_origin(amplifier, segment)
    parallel = float(height + 1) if amplifier.flip_y else 0.0
    own_serial = (
        float(segment.data_width + segment.prescan + 1) if amplifier.flip_x else float(-segment.prescan)
    )
    own_parallel = float(segment.data_height + 1) if amplifier.flip_y else 0.0
    raft = parallel + offsets[0][0], serial + offsets[0][1]
    focal_plane = parallel + offsets[1][0], serial + offsets[1][1]
    crossed = [
        ("A", "AMPLIFIER", "Seg_X", "Seg_Y", (own_parallel, own_serial)),
        ("C", "CCD", "CCD_X", "CCD_Y", (parallel, serial)),
        ("R", "RAFT", "RAFT_X", "RAFT_Y", raft),
        ("F", "FOCAL_PLANE", "FP_X", "FP_Y", focal_plane),
    ]
    straight = [
        ("E", "FP_SERPAR", "FP_S", "FP_P", focal_plane[::-1]),
        ("B", "CCD_SERPAR", "CCD_S", "CCD_P", (serial, parallel)),
        ("Q", "RAFT_SERPAR", "RAFT_S", "RAFT_P", raft[::-1]),
    ]
    cards = []
    for letter, name, first, second, origin in crossed:
        matrix = (0.0, parallel_sign, serial_sign, 0.0)
        cards += _coordinate_system(letter, name, (first, second), matrix, origin)
    for letter, name, first, second, origin in straight:
        matrix = (serial_sign, 0.0, 0.0, parallel_sign)
        cards += _coordinate_system(letter, name, (first, second), matrix, origin)
    return cards


def _coordinate_system(
    letter: str,
    name: str,
    axes: tuple[str, str],
    matrix: tuple[float, float, float, float],
    origin: tuple[float, ...],
) -> list[Card]:
    """Return the cards of one linear coordinate system."""
    entries = ("PC1_1", "PC1_2", "PC2_1", "PC2_2")
    return [
        Card(f"WCSNAME{letter}", name),
        *(Card(f"CTYPE{axis}{letter}", text) for axis, text in enumerate(axes, start=1)),
        *(Card(f"{key}{letter}", value) for key, value in zip(entries, matrix, strict=True)),
        *(Card(f"CDELT{axis}{letter}", 1.0) for axis in (1, 2)),
        *(Card(f"CRPIX{axis}{letter}", 0.0) for axis in (1, 2)),
        *(Card(f"CRVAL{axis}{letter}", value) for axis, value in enumerate(origin, start=1)),
    ]
