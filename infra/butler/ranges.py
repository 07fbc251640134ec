"""What is certified: datasets with their validity ranges, and what a chain answers at each time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from lsst.daf.butler import Butler, CollectionType, DatasetRef, MissingCollectionError

from infra.butler.validity import Validity

__all__ = [
    "CertifiedRange",
    "DataId",
    "VisiblePart",
    "associations",
    "data_id_of",
    "flattened",
    "format_data_id",
    "timeline",
]

DataId = tuple[tuple[str, int | str], ...]
"""Required dimensions with their values, in the Butler's order; equal and hashable across repositories."""

_SEARCHED = {CollectionType.CALIBRATION, CollectionType.RUN, CollectionType.TAGGED}


@dataclass(frozen=True, slots=True)
class CertifiedRange:
    """One dataset, valid during one range, in one collection."""

    collection: str
    dataset_type: str
    data_id: DataId
    uuid: UUID
    validity: Validity

    def __str__(self) -> str:
        return (
            f"{self.dataset_type} {format_data_id(self.data_id)} ({str(self.uuid)[:8]}) "
            f"valid {self.validity} in {self.collection}"
        )


@dataclass(frozen=True, slots=True)
class VisiblePart:
    """A part of a certified range that lookups through a chain find, or would no longer find."""

    certified: CertifiedRange
    """The whole range."""
    part: Validity
    """The part of it."""

    def __str__(self) -> str:
        return str(self.certified)


def data_id_of(ref: DatasetRef) -> DataId:
    """Return the required part of a dataset's data ID."""
    return tuple((name, value) for name, value in ref.dataId.required.items())


def format_data_id(data_id: DataId) -> str:
    """Return ``detector 0, physical_filter SDSSr_65mm~empty``; the instrument goes without saying."""
    return ", ".join(f"{name} {value}" for name, value in data_id if name != "instrument") or "all"


def associations(
    butler: Butler, collection: str, dataset_types: Iterable[str] | None = None
) -> Iterator[tuple[DatasetRef, CertifiedRange]]:
    """Yield every dataset of a collection with its range.

    Parameters
    ----------
    butler
        Repository to ask.
    collection
        CALIBRATION, TAGGED or RUN collection; one that does not exist holds nothing. In the latter two a
        dataset answers at all times.
    dataset_types
        Names of the types wanted; all calibration types by default.
    """
    try:
        held = butler.collections.get_info(collection, include_summary=True).dataset_types or frozenset()
    except MissingCollectionError:
        return
    for name in sorted(held if dataset_types is None else held & set(dataset_types)):
        if not butler.get_dataset_type(name).isCalibration():
            continue
        for found in butler.registry.queryDatasetAssociations(
            name, collections=[collection], collectionTypes=_SEARCHED
        ):
            validity = Validity() if found.timespan is None else Validity.from_timespan(found.timespan)
            yield found.ref, CertifiedRange(collection, name, data_id_of(found.ref), found.ref.id, validity)


def flattened(butler: Butler, chain: str) -> tuple[str, ...]:
    """Return the collections that a chain searches, in order, each where it is met first; none without it."""
    try:
        found = butler.collections.query(chain, flatten_chains=True, collection_types=_SEARCHED)
    except MissingCollectionError:
        return ()
    return tuple(dict.fromkeys(found))


def timeline(
    butler: Butler,
    chain: str,
    dataset_types: Iterable[str] | None = None,
    *,
    ignore: Iterable[str] = (),
) -> tuple[VisiblePart, ...]:
    """Return what a lookup through ``chain`` finds, at all times: parts that never overlap.

    Parameters
    ----------
    butler
        Repository to ask.
    chain
        Chain or collection to search.
    dataset_types
        Names of the types wanted; all calibration types by default.
    ignore
        Collections to pass over, to see what would be found without them.

    Returns
    -------
    tuple of VisiblePart
        For each type and data ID the parts of the ranges that are not hidden by an earlier collection.
    """
    wanted = None if dataset_types is None else set(dataset_types)
    skipped = set(ignore)
    seen: dict[tuple[str, DataId], list[VisiblePart]] = {}
    for collection in flattened(butler, chain):
        if collection in skipped:
            continue
        # Ranges of one collection never hide each other: the Butler keeps them apart.
        for _, found in associations(butler, collection, wanted):
            parts = seen.setdefault((found.dataset_type, found.data_id), [])
            parts.extend(VisiblePart(found, part) for part in _unhidden(found, parts))
    return tuple(part for parts in seen.values() for part in parts)


def _unhidden(found: CertifiedRange, seen: Iterable[VisiblePart]) -> tuple[Validity, ...]:
    """Parts of a range that no earlier collection answers for."""
    parts: tuple[Validity, ...] = (found.validity,)
    for earlier in seen:
        parts = tuple(rest for part in parts for rest in part.without(earlier.part))
    return parts
