"""Which datasets a PipelineTask without exposures takes, where a plain search would not tell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lsst.daf.butler import (
    CalibrationLookupError,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    Registry,
    Timespan,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.errors import RepositoryError
from tasks.combine.connections import optional_calibration

__all__ = ["Lookup", "candidate_and_former", "flats_of_all_filters", "flats_to_choose_from"]

type Lookup = Callable[[DatasetType, Registry, DataCoordinate, Sequence[str]], Iterable[DatasetRef]]
"""Finds the datasets of a prerequisite: dataset type, registry, data ID and collections in, datasets out."""


def candidate_and_former(
    dataset_type: DatasetType, registry: Registry, data_id: DataCoordinate, collections: Sequence[str]
) -> Iterable[DatasetRef]:
    """Find the calibration under test, the first in the order of the search, and the next one.

    Parameters
    ----------
    dataset_type
        Of the calibration.
    registry, data_id, collections
        As a prerequisite's ``lookupFunction`` is given them.

    Returns
    -------
    refs
        One or two; none where nothing is found.
    """
    # Any time, as for a prerequisite of a task without exposures: a RUN has no validity.
    found = registry.findDataset(
        dataset_type, data_id, collections=collections, timespan=Timespan(None, None)
    )
    if found is None:
        return []
    refs = registry.queryDatasets(dataset_type, dataId=data_id, collections=collections, findFirst=False)
    others = sorted({ref for ref in refs if ref.id != found.id}, key=lambda ref: (ref.run, ref.id))
    # A CALIBRATION collection may hold one of any RUN: such a one comes after those of the RUNs searched.
    places = {
        run: place for place, run in enumerate(registry.queryCollections(collections, flattenChains=True))
    }
    return [found, *sorted(others, key=lambda ref: places.get(ref.run, len(places)))[:1]]


def flats_to_choose_from(name: str, doc: str) -> connection.PrerequisiteInput:
    """Return the flats of all filters of a detector, for a task that belongs to none and chooses itself.

    Parameters
    ----------
    name
        Their dataset type.
    doc
        What they are for.
    """
    return replace(
        optional_calibration(name, doc, per_filter=True), multiple=True, lookupFunction=flats_of_all_filters
    )


def flats_of_all_filters(
    dataset_type: DatasetType, registry: Registry, data_id: DataCoordinate, collections: Sequence[str]
) -> Iterable[DatasetRef]:
    """Find the flat of every filter of a detector, of each the first in the order of the search.

    Parameters
    ----------
    dataset_type
        Of the flats, with the dimension physical_filter.
    registry, data_id, collections
        As a prerequisite's ``lookupFunction`` is given them; the data ID has no filter.

    Returns
    -------
    refs
        In the order of the filters' names.

    Raises
    ------
    RepositoryError
        A certified flat has several validity ranges, and nothing says which is meant.
    """
    refs = registry.queryDatasets(dataset_type, dataId=data_id, collections=collections, findFirst=False)
    flats = []
    for physical_filter in sorted({str(ref.dataId["physical_filter"]) for ref in refs}):
        try:
            flat = registry.findDataset(
                dataset_type,
                data_id,
                collections=collections,
                timespan=Timespan(None, None),
                physical_filter=physical_filter,
            )
        except CalibrationLookupError as error:
            raise RepositoryError(
                f"more than one {dataset_type.name} of {physical_filter} is certified: {error}",
                "search the RUN of the one that is meant first",
            ) from error
        if flat is not None:
            flats.append(flat)
    return flats
