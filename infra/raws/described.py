"""Raws of described cameras: whole images or sections of them, put where they belong in the raw mosaic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import RawRejected
from infra.instruments.described.description import CameraDescription
from infra.instruments.described.detectors import state_cards, told_by
from infra.instruments.described.geometry import DetectorDescription
from infra.instruments.layout import Box, DetectorLayout
from infra.raws.cards import Header
from infra.raws.fits_file import FitsFile, Hdu
from infra.raws.pixels import Target, image_axes, is_float, read_segment

__all__ = ["DIGEST", "DescribedFrame", "described_frame", "read_described"]

DIGEST = "CALPROD CAMERA"
"""Card with the beginning of the description's digest, which goes on into what is made of the frame."""

_STRUCTURAL = frozenset(
    {"XTENSION", "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "EXTEND"}
    | {"EXTNAME", "EXTVER", "EXTLEVEL", "INHERIT", "CHECKSUM", "DATASUM", "THEAP", "BSCALE", "BZERO", "BLANK"}
)
# Cards of a compressed HDU that speak of its compression.
_COMPRESSION_PREFIXES = ("ZNAXIS", "ZTILE", "ZNAME", "ZVAL", "TTYPE", "TFORM")
_COMPRESSION = frozenset({"ZIMAGE", "ZBITPIX", "ZCMPTYPE", "ZSIMPLE", "ZEXTEND", "ZQUANTIZ", "ZDITHER0"})


@dataclass(frozen=True, slots=True)
class DescribedFrame:
    """Where the pixels of a described frame are.

    Parameters
    ----------
    detector
        The detector it is of.
    header
        Cards of the exposure, and the camera's state under the names that the description gives it.
    hdus
        HDU of each amplifier, by its name.
    """

    detector: DetectorDescription
    header: Header
    hdus: Mapping[str, Hdu]


def described_frame(file: FitsFile, description: CameraDescription) -> DescribedFrame:
    """Return where the pixels of a frame are, once it is known to be laid out as described.

    Raises
    ------
    infra.errors.RawRejected
        If it is of another camera, laid out otherwise, or a card is missing; the message names file, HDU and
        card.
    """
    header = _exposure_header(file, description)
    misfit = description.misfit(header)
    if misfit is not None:
        raise RawRejected(f"foreign: {misfit} as {description.instrument} is described (key identify)")
    detector = told_by(description, header)
    hdus = {one.name: _image_hdu(file.hdus, one.hdu) for one in detector.amplifiers}
    for hdu in hdus.values():
        axes = image_axes(hdu.header)
        if axes != detector.image_size:
            columns, rows = detector.image_size
            raise RawRejected(
                f"{hdu.label}: header cards NAXISn say {axes[0]} x {axes[1]} pixels,"
                f" {detector.name} is described with {columns} x {rows} (key image_size)"
            )
    told: Header = {**header, **state_cards(description, header), DIGEST: description.digest[:16]}
    return DescribedFrame(detector, told, hdus)


def read_described(file: FitsFile, frame: DescribedFrame, layout: DetectorLayout) -> NDArray[Any]:
    """Return the raw mosaic (adu) of a frame, int32, or float32 where the file holds no whole numbers.

    Parameters
    ----------
    file
        The open file.
    frame
        Where its pixels are.
    layout
        Boxes of the detector.
    """
    any_float = any(is_float(hdu.header) for hdu in frame.hdus.values())
    mosaic: NDArray[Any] = np.empty(layout.raw_shape, np.float32 if any_float else np.int32)
    images: dict[int, NDArray[Any]] = {}
    columns, rows = frame.detector.image_size
    for one, boxes in zip(frame.detector.amplifiers, layout.amplifiers, strict=True):
        y, x = boxes.raw_box.slices
        target, hdu = Target(mosaic, y, x, one.flip_x, one.flip_y), frame.hdus[one.name]
        if one.segment == Box(0, 0, columns, rows):
            read_segment(file, hdu, target)
            continue
        if hdu.index not in images:  # one image for several amplifiers is decoded once
            images[hdu.index] = np.empty((rows, columns), mosaic.dtype)
            whole = Target(images[hdu.index], slice(0, rows), slice(0, columns), flip_x=False, flip_y=False)
            read_segment(file, hdu, whole)
        target.put(images[hdu.index][one.segment.slices])
    return mosaic


def _exposure_header(file: FitsFile, description: CameraDescription) -> Header:
    header: Header = {}
    for named in description.header_hdus:
        try:
            hdu = _hdu(file.hdus, named)
        except RawRejected:
            if not header:
                raise
            continue  # conditions that not every file has
        header.update(_own_cards(hdu.header))
        if hdu.index == 0 and _is_compressed_primary(file.hdus):
            header.update(_own_cards(file.hdus[1].header))
    return header


def _own_cards(header: Header) -> Header:
    """Return the cards that describe the exposure and not the HDU."""
    return {
        keyword: value
        for keyword, value in header.items()
        if keyword not in _STRUCTURAL | _COMPRESSION
        and not keyword.startswith(_COMPRESSION_PREFIXES)
        and value is not None
    }


def _hdu(hdus: Sequence[Hdu], named: int | str) -> Hdu:
    for hdu in hdus:
        if hdu.index == named or (isinstance(named, str) and hdu.name == named.strip().upper()):
            return hdu
    held = ", ".join(hdu.label for hdu in hdus)
    raise RawRejected(f"there is no HDU {named!r}, as the camera is described: the file holds {held}")


def _image_hdu(hdus: Sequence[Hdu], named: int | str) -> Hdu:
    return hdus[1] if named == 0 and _is_compressed_primary(hdus) else _hdu(hdus, named)


def _is_compressed_primary(hdus: Sequence[Hdu]) -> bool:
    """Tell whether the image of the primary HDU was moved to the next by compression (fpack)."""
    return len(hdus) > 1 and hdus[0].header.get("NAXIS") == 0 and hdus[1].header.get("ZSIMPLE") is True
