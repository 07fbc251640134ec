"""The segments of a raw and their sections, checked against the model of the detector."""

import re
from collections.abc import Mapping, Sequence

from infra.errors import RawRejected
from infra.instruments.geometry import AmplifierModel, DetectorModel, SegmentModel
from infra.raws.cards import Header
from infra.raws.fits_file import Hdu
from infra.raws.pixels import image_axes

__all__ = ["common_segment", "parse_section", "segments_by_amplifier"]

_SEGMENT_NAME = re.compile(r"SEGMENT(\d\d)$")
_SECTION = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]$")
# A long overscan is a legitimate test; a header that asks for gigabytes is not.
_MOST_OVERSIZE = 4


def segments_by_amplifier(hdus: Sequence[Hdu], detector: DetectorModel) -> dict[str, Hdu]:
    """Return the HDU of every amplifier of the detector, in the model's order.

    Raises
    ------
    infra.errors.RawRejected
        If a segment is missing, is there twice, or is none of this detector.
    """
    found: dict[str, Hdu] = {}
    for hdu in hdus:
        if match := _SEGMENT_NAME.match(hdu.name):
            name = f"C{match[1]}"
            if name in found:
                raise RawRejected(f"{hdu.label}: header card EXTNAME repeats that of {found[name].label}")
            found[name] = hdu
    expected = [amplifier.name for amplifier in detector.amplifiers]
    if missing := [name for name in expected if name not in found]:
        raise RawRejected(
            f"no HDU with EXTNAME {', '.join(f'Segment{name[1:]}' for name in missing)}:"
            f" {detector.full_name} has {len(expected)} segments, the file {len(found)}"
        )
    if foreign := [found[name].label for name in found if name not in expected]:
        raise RawRejected(f"{', '.join(foreign)}: {detector.full_name} has no such segment (card EXTNAME)")
    return {name: found[name] for name in expected}


def common_segment(segments: Mapping[str, Hdu], detector: DetectorModel) -> SegmentModel:
    """Return the sections that all segments of a raw share.

    Raises
    ------
    infra.errors.RawRejected
        If a segment's sections differ from those of the others, or contradict the model.
    """
    amplifiers = {amplifier.name: amplifier for amplifier in detector.amplifiers}
    common: SegmentModel | None = None
    for name, hdu in segments.items():
        try:
            segment = _segment(hdu.header, detector.segment)
            _check_direction(hdu.header, amplifiers[name])
        except RawRejected as error:
            raise RawRejected(f"{hdu.label}: {error}") from error
        if common is not None and segment != common:
            raise RawRejected(f"{hdu.label}: cards NAXISn or DATASEC differ from the other segments'")
        common = segment
    if common is None:
        raise RawRejected(f"{detector.full_name} has no segments")
    return common


def parse_section(header: Header, keyword: str) -> tuple[int, int, int, int] | None:
    """Return a section card ``[x0:x1,y0:y1]`` as its four 1-based numbers; None where the card is absent.

    Raises
    ------
    infra.errors.RawRejected
        If it is no such section.
    """
    value = header.get(keyword)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    match = _SECTION.match(str(value).strip())
    if match is None:
        raise RawRejected(f"header card {keyword} is {value!r}, not a section [x0:x1,y0:y1]")
    x0, x1, y0, y1 = (int(group) for group in match.groups())
    return x0, x1, y0, y1


def _segment(header: Header, full: SegmentModel) -> SegmentModel:
    columns, rows = image_axes(header)
    section = parse_section(header, "DATASEC")
    if columns > _MOST_OVERSIZE * full.naxis1 or rows > _MOST_OVERSIZE * full.naxis2:
        raise RawRejected(f"header cards NAXISn say {columns} x {rows} pixels, far more than the sensor has")
    if section is None:
        if (columns, rows) != (full.naxis1, full.naxis2):
            raise RawRejected(
                f"header card DATASEC is missing, and {columns} x {rows} pixels are not full size"
            )
        return full
    x0, x1, y0, y1 = section
    width, height = x1 - x0 + 1, y1 - y0 + 1
    if x0 - 1 != full.prescan or y0 != 1:
        raise RawRejected(
            f"header card DATASEC is {header['DATASEC']!r}: data begin at column {full.prescan + 1}, row 1"
            f" (the serial prescan has {full.prescan} columns)"
        )
    if not (1 <= width <= full.data_width and 1 <= height <= full.data_height):
        raise RawRejected(
            f"header card DATASEC is {header['DATASEC']!r}: a segment of this detector has"
            f" {full.data_width} x {full.data_height} data pixels at most"
        )
    if x1 > columns or y1 > rows:
        raise RawRejected(f"header card DATASEC is {header['DATASEC']!r}, the image only {columns} x {rows}")
    return SegmentModel(columns, rows, full.prescan, width, height)


def _check_direction(header: Header, amplifier: AmplifierModel) -> None:
    """Check DETSEC's direction in x; its y has top and bottom exchanged in Rubin's raws and says nothing."""
    section = parse_section(header, "DETSEC")
    if section is not None and section[0] != section[1] and (section[0] > section[1]) != amplifier.flip_x:
        mirrored = "is" if amplifier.flip_x else "is not"
        raise RawRejected(
            f"header card DETSEC is {header['DETSEC']!r}, but {amplifier.name} {mirrored} mirrored in x"
        )
