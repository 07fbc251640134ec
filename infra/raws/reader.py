"""A raw frame: header cards, layout and pixels, from the file a camera wrote."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from infra.errors import RawRejected
from infra.instruments.geometry import DetectorLayout, DetectorModel, SegmentModel
from infra.instruments.identify import detector_model
from infra.raws.cards import Header
from infra.raws.fits_file import FitsFile, Hdu
from infra.raws.pixels import Target, check_descriptors, is_float, read_segment
from infra.raws.sections import common_segment, segments_by_amplifier

if TYPE_CHECKING:
    from infra.instruments.described.description import CameraDescription
    from infra.raws.described import DescribedFrame

__all__ = ["RawFile", "RawReader", "read_raw"]

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
    path: str | os.PathLike[str],
    *,
    headers_only: bool = False,
    detector: DetectorModel | None = None,
    description: "CameraDescription | None" = None,
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
    description
        The camera it comes from, where a file describes it; one of Rubin's when None.

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
    with RawReader(path, detector=detector, description=description) as reader:
        return reader.headers if headers_only else reader.read()


class RawReader:
    """A raw frame open for reading: headers and checks first, pixels when asked for.

    Parameters
    ----------
    path, detector, description
        As for `read_raw`.

    Raises
    ------
    infra.errors.RawRejected
        As `read_raw` does, pixels aside.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        detector: DetectorModel | None = None,
        description: "CameraDescription | None" = None,
    ) -> None:
        self._file = FitsFile(path)
        self._described: DescribedFrame | None = None
        try:
            with self._naming_the_file():
                if description is None:
                    self._check(detector)
                else:
                    self._check_described(description)
        except BaseException:
            self._file.close()
            raise

    headers: RawFile
    """The frame without its pixels."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self) -> RawFile:
        """Return the frame with its pixels.

        Raises
        ------
        infra.errors.RawRejected
            If they are corrupt.
        """
        with self._naming_the_file():
            return replace(self.headers, image=self._mosaic())

    def check_extents(self) -> None:
        """Check without decoding that all compressed rows lie within the file.

        Raises
        ------
        infra.errors.RawRejected
            If one does not.
        """
        with self._naming_the_file():
            for hdu in self._segments.values():
                check_descriptors(self._file, hdu)

    def _mosaic(self) -> NDArray[Any]:
        if self._described is not None:
            from infra.raws.described import read_described

            return read_described(self._file, self._described, self.headers.layout)
        return _read_mosaic(self._file, self._segments, self.headers.layout)

    def _check_described(self, description: "CameraDescription") -> None:
        # Pydantic and settings: not for those who read Rubin's raws.
        from infra.instruments.described.layout import described_detector
        from infra.raws.described import described_frame

        frame = described_frame(self._file, description)
        detector = described_detector(frame.detector)
        self._described, self._segments = frame, dict(frame.hdus)
        self.headers = RawFile(
            path=self._file.path,
            instrument=description.instrument,
            primary_header=frame.header,
            segment_headers={name: hdu.header for name, hdu in frame.hdus.items()},
            segment=detector.segment,
            layout=detector.layout(),
            image=np.empty((0, 0), np.int32),
        )

    def _check(self, detector: DetectorModel | None) -> None:
        header = _exposure_header(self._file.hdus)
        instrument = ""
        if detector is None:
            instrument, detector = detector_model(header)
        self._segments = segments_by_amplifier(self._file.hdus, detector)
        segment = common_segment(self._segments, detector)
        self.headers = RawFile(
            path=self._file.path,
            instrument=instrument,
            primary_header=header,
            segment_headers={name: hdu.header for name, hdu in self._segments.items()},
            segment=segment,
            layout=detector.layout(segment),
            image=np.empty((0, 0), np.int32),
        )

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        prefix = f"{self._file.path}: "
        try:
            yield
        except RawRejected as error:
            if error.message.startswith(prefix):
                raise
            raise RawRejected(f"{prefix}{error}") from error


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
