"""Datasets of many detectors, read when the report asks for them: a page shows the images of a few only."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from astropy.table import Table
from lsst.daf.butler import Butler, DatasetRef

from infra.butler.contents import read_table, table_digest
from infra.butler.images import image_digest, read_calibration
from infra.images import CalibrationImage
from tasks.reporting.contents import DatasetEntry
from tasks.reporting.figure import Figure

__all__ = ["CombinedImages", "OnDemand", "StoredTables"]

_PRIOR = "LSST CALIB UUID "


class OnDemand[Value](Mapping[int, Value]):
    """Values by detector, each read anew whenever it is asked for and not kept.

    Parameters
    ----------
    refs
        Datasets, one of each detector.
    read
        Reads one of them.
    """

    def __init__(self, refs: Sequence[DatasetRef], read: Callable[[DatasetRef], Value]) -> None:
        self._refs = {int(ref.dataId["detector"]): ref for ref in refs}
        self._read = read

    def __getitem__(self, detector: int) -> Value:
        return self._read(self._refs[detector])

    def __contains__(self, detector: object) -> bool:
        return detector in self._refs  # Mapping's own would read the dataset to find out

    def __iter__(self) -> Iterator[int]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)


class CombinedImages:
    """The combined images of one calibration, and what reading some of them has told.

    Parameters
    ----------
    butler
        The repository; it must stay open until the report is written.
    refs
        The calibration's datasets, one of each detector.
    """

    def __init__(self, butler: Butler, refs: Sequence[DatasetRef]) -> None:
        self._butler = butler
        self.images = OnDemand(refs, self._image)
        """Combined image by detector."""
        self.priors: dict[str, str] = {}
        """UUIDs of the calibrations applied, as the headers of the images read so far name them."""
        self.datasets = _Datasets(refs)
        """The datasets, with the digests of those read so far."""

    def _image(self, ref: DatasetRef) -> CalibrationImage:
        image = read_calibration(self._butler, ref)
        detector = int(ref.dataId["detector"])
        if detector not in self.datasets.digests:
            self.datasets.digests[detector] = image_digest(image)
        self.priors.update(_priors(image.metadata, detector))
        return image


class StoredTables:
    """The tables of one calibration, drawn on demand, and what reading some of them has told.

    Parameters
    ----------
    butler
        The repository; it must stay open until the report is written.
    refs
        The calibration's datasets, one of each detector.
    draw
        Draws the figures of one table.
    """

    def __init__(
        self, butler: Butler, refs: Sequence[DatasetRef], draw: Callable[[Table], tuple[Figure, ...]]
    ) -> None:
        self._butler = butler
        self._draw = draw
        self.figures = OnDemand(refs, self._figures)
        """Figures by detector."""
        self.priors: dict[str, str] = {}
        """UUIDs of the calibrations applied, as the headers of the tables read so far name them."""
        self.datasets = _Datasets(refs)
        """The datasets, with the digests of those read so far."""

    def _figures(self, ref: DatasetRef) -> tuple[Figure, ...]:
        table, detector = read_table(self._butler, ref), int(ref.dataId["detector"])
        self.datasets.digests[detector] = table_digest(table)
        self.priors.update(_priors(table.meta, detector))
        return self._draw(table)


def _priors(cards: Mapping[str, Any], detector: int) -> dict[str, str]:
    """Return the UUIDs of the calibrations that a header says were applied."""
    return {
        f"{key.removeprefix(_PRIOR).lower()}, detector {detector}": str(value)
        for key, value in cards.items()
        if key.startswith(_PRIOR)
    }


class _Datasets(Collection[DatasetEntry]):
    """Datasets by detector; the digest of one is told once it has been read for another reason."""

    def __init__(self, refs: Sequence[DatasetRef]) -> None:
        self._uuids = sorted((int(ref.dataId["detector"]), str(ref.id)) for ref in refs)
        self.digests: dict[int, str] = {}

    def __iter__(self) -> Iterator[DatasetEntry]:
        for detector, uuid in self._uuids:
            yield DatasetEntry(detector=detector, uuid=uuid, image_digest=self.digests.get(detector, ""))

    def __len__(self) -> int:
        return len(self._uuids)

    def __contains__(self, entry: object) -> bool:
        return any(entry == one for one in self)
