"""Corrected exposures on disk until they are stacked, so that memory does not grow with their number."""

import errno
import mmap
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane, mask_plane_names
from tasks.combine.stack import PROPAGATION_LIMIT

__all__ = ["ExposureSpool"]

_CHUNK = 1 << 20
"""Pixels masked and written at a time."""


class ExposureSpool:
    """Exposures of one detector, in one anonymous temporary file that vanishes with the spool.

    Excluded pixels are stored as NaN, so that the mask need not be kept. Variances are kept while there are
    fewer than `PROPAGATION_LIMIT` exposures, which is when a combination needs them.

    Parameters
    ----------
    excluded
        Pixels with any of these planes set are excluded from the stack; BAD is always excluded.
    directory
        Where the file lives; the system's temporary directory when None.
    expected
        Number of exposures to come, if known: spares writing variances that will not be used.

    Notes
    -----
    An instance belongs to one thread while exposures are added; rows may be read from several at once.
    """

    def __init__(
        self, excluded: MaskPlane, directory: Path | None = None, expected: int | None = None
    ) -> None:
        self._excluded = np.uint16(excluded | MaskPlane.BAD)
        self._directory = directory
        self._images = self._open()
        self._variances = None if expected is not None and expected >= PROPAGATION_LIMIT else self._open()
        self._shape: tuple[int, int] | None = None
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._size

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (ny, nx) of the exposures.

        Raises
        ------
        CalprodError
            The spool is empty.
        """
        if self._shape is None:
            raise CalprodError("no exposures to combine", "select at least one")
        return self._shape

    @property
    def has_variances(self) -> bool:
        """Whether the variances of all exposures are at hand."""
        return self._variances is not None

    def append(self, exposure: CorrectedExposure, name: str = "exposure") -> None:
        """Add one exposure; nothing of it is kept in memory.

        Parameters
        ----------
        exposure
            Its image and, while few are held, its variance are written.
        name
            What to call it in an error.

        Raises
        ------
        CalprodError
            The shape differs from that of the exposures before; a pixel that takes part has NO_DATA; the disk
            is full.
        """
        if self._shape is not None and exposure.image.shape != self._shape:
            raise CalprodError(
                f"{name} has shape {exposure.image.shape}, the exposures before it {self._shape}",
                "combine exposures of one detector and one readout mode only",
            )
        _refuse_no_data(exposure, self._excluded, name)
        self._write(self._images, exposure.image, exposure.mask)
        if self._variances is not None and self._size + 1 < PROPAGATION_LIMIT:
            self._write(self._variances, exposure.variance, None)
        elif self._variances is not None:
            self._variances.close()
            self._variances = None
        self._shape = (exposure.image.shape[0], exposure.image.shape[1])
        self._size += 1

    def read_rows(
        self, start: int, stop: int, out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Rows start to stop of all exposures.

        Parameters
        ----------
        start, stop
            Rows of the image, half-open.
        out
            Buffer to fill, at least ``n · (stop − start) · nx`` float32 long, one-dimensional.

        Returns
        -------
        rows
            Shape (n, stop − start, nx), contiguous, excluded pixels NaN; a view of ``out`` when given.
        """
        return self._read(self._images, start, stop, out)

    def read_variance_rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Rows start to stop of the variances of all exposures, shape (n, stop − start, nx)."""
        if self._variances is None:
            raise CalprodError(f"variances of {self._size} exposures are not kept")
        return self._read(self._variances, start, stop, None)

    def values_at(self, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return single pixels of all exposures.

        Parameters
        ----------
        pixels
            Flat indices (``y * nx + x``).

        Returns
        -------
        values
            Shape (n, number of pixels); excluded pixels NaN.
        """
        return np.stack([plane[pixels] for plane in self._mapped()])

    def exclude(self, index: int, pixels: npt.NDArray[np.int64]) -> int:
        """Exclude single pixels of one exposure from the stack.

        Parameters
        ----------
        index
            Place of the exposure in the stack.
        pixels
            Flat indices (``y * nx + x``), each once.

        Returns
        -------
        n_excluded
            How many of them took part until now.
        """
        if pixels.size == 0:
            return 0
        plane = self._mapped()[index]
        count = int(np.count_nonzero(np.isfinite(plane[pixels])))
        plane[pixels] = np.nan
        return count

    def _mapped(self) -> npt.NDArray[np.float32]:
        """Map the planes into memory, shape (n, ny * nx), for as long as the array lives."""
        return np.frombuffer(mmap.mmap(self._images.fileno(), 0), np.float32).reshape(self._size, -1)

    def close(self) -> None:
        """Give the disk space back."""
        self._images.close()
        if self._variances is not None:
            self._variances.close()

    def _open(self) -> IO[bytes]:
        """Open a file without a name: it cannot outlive the process."""
        try:
            return tempfile.TemporaryFile(dir=self._directory, buffering=0)
        except OSError as error:
            raise CalprodError(
                f"cannot make a file in {self._directory or tempfile.gettempdir()}: {error.strerror}",
                "name a directory with space through TMPDIR",
            ) from error

    def _write(
        self, file: IO[bytes], plane: npt.NDArray[np.float32], mask: npt.NDArray[np.uint16] | None
    ) -> None:
        """Append a plane, excluded pixels as NaN, by few rows at a time."""
        step = max(1, _CHUNK // plane.shape[1])
        for start in range(0, plane.shape[0], step):
            rows = np.ascontiguousarray(plane[start : start + step])
            if mask is not None:
                excluded = (mask[start : start + step] & self._excluded) != 0
                if excluded.any():
                    rows = np.where(excluded, np.float32(np.nan), rows)
            self._write_all(file, memoryview(rows).cast("B"))

    def _write_all(self, file: IO[bytes], data: memoryview) -> None:
        """Write every byte, or say why not."""
        try:
            while data:
                data = data[os.write(file.fileno(), data) :]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise CalprodError(
                f"no space left in {self._directory or tempfile.gettempdir()} for exposure {self._size + 1} "
                f"of the stack ({error.strerror})",
                "free space there, or name another directory through TMPDIR",
            ) from error

    def _read(
        self, file: IO[bytes], start: int, stop: int, out: npt.NDArray[np.float32] | None
    ) -> npt.NDArray[np.float32]:
        """Gather the same rows of every plane of a file."""
        ny, nx = self.shape
        shape = (self._size, stop - start, nx)
        rows = np.empty(shape, np.float32) if out is None else out[: shape[0] * shape[1] * nx].reshape(shape)
        for i in range(self._size):
            data = memoryview(rows[i]).cast("B")
            offset = 4 * nx * (i * ny + start)
            while data:
                n_read = os.preadv(file.fileno(), [data], offset)
                if n_read == 0:
                    raise CalprodError("the temporary file of the stack ended early", "run the stack again")
                data, offset = data[n_read:], offset + n_read
        return rows


def _refuse_no_data(exposure: CorrectedExposure, excluded: np.uint16, name: str) -> None:
    """Refuse an exposure in which a pixel that takes part in the stack has no data."""
    flagged = (exposure.mask & np.uint16(MaskPlane.NO_DATA)) != 0
    if not flagged.any():
        return
    count = int(np.count_nonzero(flagged & ((exposure.mask & excluded) == 0)))
    if count:
        planes = ", ".join(mask_plane_names(int(excluded)))
        raise CalprodError(
            f"{count} pixels of {name} have NO_DATA and none of the planes that exclude them ({planes})",
            "leave the exposure out, or exclude those pixels",
        )
