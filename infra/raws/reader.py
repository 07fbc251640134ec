"""A raw frame: header cards, layout and pixels, from the file a camera wrote."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import RawRejected
from infra.instruments.geometry import DetectorLayout, DetectorModel, SegmentModel
from infra.instruments.identify import detector_model
from infra.raws.cards import Header
from infra.raws.fits_file import FitsFile, Hdu
from infra.raws.pixels import Target, check_descriptors, is_float, read_segment
from infra.raws.sections import common_segment, segments_by_amplifier

__all__ = ["RawFile", "read_raw"]

# Cards that describe an HDU and not the exposure: never taken over from the conditions HDU.
_STRUCTURAL = frozenset(
    {"XTENSION", "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "EXTEND"}
    | {"EXTNAME", "EXTVER", "EXTLEVEL", "INHERIT", "CHECKSUM", "DATASUM", "COMMENT", "HISTORY", "THEAP"}
)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A raw frame as read.

    Parameters
    ----------
    path
        Where it was read from.
    instrument
        Instrument's name in the Butler; "" if the caller named the detector.
    primary_header
        Exposure-level cards: the primary header, and over it the electronics' conditions (HDU REB_COND).
    segment_headers
        Cards of each segment, by amplifier name.
    segment
        Sections of a stored segment, the same for all amplifiers.
    layout
        Boxes of all amplifiers, for this frame's own size.
    image
        Raw mosaic (adu) [ny, nx], int32, or float32 where the file holds no whole numbers: every segment in
        assembled orientation, prescan and overscans still there. Empty (0 × 0) if only headers were asked
        for.
    """

    path: Path
    instrument: str
    primary_header: Header
    segment_headers: Mapping[str, Header]
    segment: SegmentModel
    layout: DetectorLayout
    image: NDArray[Any]


def read_raw(
    path: str | os.PathLike[str], *, headers_only: bool = False, detector: DetectorModel | None = None
) -> RawFile:
    """Read a raw frame and check it against the camera's model.

    Parameters
    ----------
    path
        FITS file with one image HDU ``SegmentNN`` per amplifier, Rice-compressed, otherwise compressed or
        plain; a gzip stream under any name.
    headers_only
        Leave the pixels alone. The file is still found out if it is shorter than its headers say.
    detector
        The detector it comes from; told by the header when None.

    Raises
    ------
    infra.errors.RawRejected
        If the file is unreadable, truncated or corrupt, comes from a camera that is not known here, or
        contradicts the model of its detector; the message names file, HDU and card.

    Notes
    -----
    The sizes come from the raw's own NAXISn and DATASEC, so that frames of reduced size are as good as full
    ones. Placement and mirroring come from the model alone: the DETSEC of Rubin's raws has bottom and top
    exchanged.
    """
    with FitsFile(path) as file:
        header = _exposure_header(file.hdus)
        instrument = ""
        try:
            if detector is None:
                instrument, detector = detector_model(header)
            segments = segments_by_amplifier(file.hdus, detector)
            segment = common_segment(segments, detector)
            layout = detector.layout(segment)
            image = np.empty((0, 0), np.int32)
            if not headers_only:
                image = _read_mosaic(file, segments, layout)
        except RawRejected as error:
            prefix = f"{file.path}: "
            if error.message.startswith(prefix):
                raise
            raise RawRejected(f"{prefix}{error}") from error
        return RawFile(
            path=file.path,
            instrument=instrument,
            primary_header=header,
            segment_headers={name: hdu.header for name, hdu in segments.items()},
            segment=segment,
            layout=layout,
            image=image,
        )


def check_extents(path: str | os.PathLike[str]) -> None:
    """Check without decoding that all compressed rows of a raw lie within its file.

    Raises
    ------
    infra.errors.RawRejected
        If one does not.
    """
    with FitsFile(path) as file:
        for hdu in file.hdus:
            check_descriptors(file, hdu)


def _exposure_header(hdus: tuple[Hdu, ...]) -> Header:
    """Return the primary header with the conditions over it, which are nearer to the exposure."""
    header = dict(hdus[0].header)
    for hdu in hdus[1:]:
        if hdu.name == "REB_COND":
            header.update(
                (keyword, value)
                for keyword, value in hdu.header.items()
                if keyword not in _STRUCTURAL and value is not None
            )
    return header


def _read_mosaic(file: FitsFile, segments: Mapping[str, Hdu], layout: DetectorLayout) -> NDArray[Any]:
    any_float = any(is_float(hdu.header) for hdu in segments.values())
    mosaic: NDArray[Any] = np.empty(layout.raw_shape, np.float32 if any_float else np.int32)
    for amplifier in layout.amplifiers:
        rows, columns = amplifier.raw_box.slices
        target = Target(mosaic, rows, columns, amplifier.flip_x, amplifier.flip_y)
        read_segment(file, segments[amplifier.name], target)
    return mosaic
