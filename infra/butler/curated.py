"""Calibrations that a named curator brings in: stored, certified, and found through the chains."""

from collections.abc import Iterator
from dataclasses import dataclass

from astropy.table import Table
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DatasetRef,
    DatasetType,
    MissingCollectionError,
    MissingDatasetTypeError,
)
from lsst.daf.butler.registry import ConflictingDefinitionError

from infra.butler.certification import certify
from infra.butler.chains import ChainEdit, children, prepend
from infra.butler.collections import register_run
from infra.butler.ranges import VisiblePart, associations, flattened, timeline
from infra.butler.repository import datasets_of_run
from infra.butler.shadowing import refuse_shadowing
from infra.butler.validity import Validity
from infra.errors import ReleaseError, RepositoryError
from infra.naming import curated_collection, curated_run, default_chain, ticket_chain

__all__ = ["SHA256_CARD", "CuratedDataset", "CurationOutcome", "CurationRequest", "curate"]

SHA256_CARD = "CURATED_SHA256"
"""Card of a curated table: SHA-256 of the file that it was read from."""


@dataclass(frozen=True, slots=True, eq=False)
class CuratedDataset:
    """One calibration of one detector."""

    dataset_type: str
    """Such as ``crosstalk``."""
    detector: int
    """Detector number."""
    table: Table
    """Its content; the card `SHA256_CARD` says from which bytes."""


@dataclass(frozen=True, slots=True)
class CurationRequest:
    """Where a calibration is to go."""

    instrument: str
    """Name of the camera."""
    ticket: str
    """Ticket, such as ``DM-43525``."""
    day: int
    """Day (YYYYMMDD) in the names of its collections."""
    validity: Validity
    """When it is valid."""
    chain: bool = False
    """Whether it is to be found through the default chain as well."""


@dataclass(frozen=True, slots=True)
class CurationOutcome:
    """What was done."""

    collection: str
    """CALIBRATION collection that holds it."""
    ref: DatasetRef
    """The dataset."""
    stored: bool
    """Whether it was stored now."""
    certified: bool
    """Whether it was certified now."""
    ticket_edit: ChainEdit | None
    """Edit of the ticket's chain; None where it was left alone, since users already read that chain."""
    default_edit: ChainEdit | None
    """Edit of the default chain; None unless asked for."""
    is_public: bool
    """Whether the default chain searches the collection."""
    hidden_by: tuple[VisiblePart, ...] = ()
    """What lookups through the default chain find in its place, for all or part of its range."""

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        edits = (self.ticket_edit, self.default_edit)
        return self.stored or self.certified or any(edit is not None and edit.changed for edit in edits)


def curate(butler: Butler, dataset: CuratedDataset, request: CurationRequest) -> CurationOutcome:
    """Store a calibration, certify it and chain it; repeating it does nothing.

    Parameters
    ----------
    butler
        Writeable repository.
    dataset
        The calibration.
    request
        Where it is to go. A day on which the same content was certified for the same range before is taken
        instead of the one given.

    Raises
    ------
    ReleaseError
        Other content has that day, another range is in the way, or newer calibrations would be hidden.
        Nothing has been certified then.
    RepositoryError
        The repository has that dataset type with another storage class.

    Notes
    -----
    The ticket's chain may be part of the default chain, and what is put into it is then found by everybody.
    Without leave to go there the calibration is certified only.
    """
    top, ticket = default_chain(request.instrument), ticket_chain(request.instrument, request.ticket)
    collection = _earlier(butler, dataset, request) or curated_collection(
        request.instrument, request.ticket, request.day
    )
    is_read_by_all = _reaches(butler, top, ticket)
    if request.chain:
        _refuse_hiding(butler, top, dataset, request, collection)
    ref, stored = _stored(butler, dataset, request, collection)
    outcome = certify(butler, collection, [ref], request.validity, expected=None)
    ticket_edit = default_edit = None
    if request.chain or not is_read_by_all:
        ticket_edit = prepend(butler, ticket, collection)
    if request.chain:
        default_edit = prepend(butler, top, ticket)
    hidden = tuple(_hiding(butler, top, ref, request.validity)) if request.chain else ()
    return CurationOutcome(
        collection=collection,
        ref=ref,
        stored=stored,
        certified=outcome.changed,
        ticket_edit=ticket_edit,
        default_edit=default_edit,
        is_public=collection in flattened(butler, top),
        hidden_by=hidden,
    )


def _reaches(butler: Butler, chain: str, wanted: str) -> bool:
    """Tell whether a chain holds another, directly or through the chains it holds."""
    try:
        if butler.collections.get_info(chain).type is not CollectionType.CHAINED:
            return False
    except MissingCollectionError:
        return False
    members = children(butler, chain) or ()
    return wanted in members or any(_reaches(butler, member, wanted) for member in members)


def _earlier(butler: Butler, dataset: CuratedDataset, request: CurationRequest) -> str | None:
    """Return the collection of this ticket in which the same content is certified for the same range."""
    wanted = dataset.table.meta[SHA256_CARD]
    pattern = f"{ticket_chain(request.instrument, request.ticket)}/curated/*"
    for collection in sorted(
        butler.collections.query(pattern, collection_types={CollectionType.CALIBRATION})
    ):
        for ref, found in associations(butler, collection, (dataset.dataset_type,)):
            same_place = ref.dataId["detector"] == dataset.detector and found.validity == request.validity
            if same_place and _sha256(butler, ref) == wanted:
                return collection
    return None


def _stored(
    butler: Butler, dataset: CuratedDataset, request: CurationRequest, collection: str
) -> tuple[DatasetRef, bool]:
    """Return the dataset in its RUN, and whether it was put there now."""
    _register_type(butler, dataset.dataset_type)
    run = curated_run(collection, dataset.dataset_type)
    for ref in datasets_of_run(butler, dataset.dataset_type, run):
        if ref.dataId["detector"] != dataset.detector:
            continue
        if _sha256(butler, ref) != dataset.table.meta[SHA256_CARD]:
            raise ReleaseError(
                f"{collection} holds another {dataset.dataset_type} of detector {dataset.detector}: {ref.id}",
                "give this one another day with --date DAY; it is put first in the chain, before the other",
            )
        return ref, False
    register_run(butler, run)
    data_id = {"instrument": request.instrument, "detector": dataset.detector}
    return butler.put(dataset.table, dataset.dataset_type, data_id, run=run), True


def _sha256(butler: Butler, ref: DatasetRef) -> object:
    """Return the digest of the file that a dataset was read from; None where it does not say."""
    try:
        return butler.get(ref).meta.get(SHA256_CARD)
    except FileNotFoundError as error:
        raise RepositoryError(
            f"the file of {ref.datasetType.name} {ref.id} of {ref.run} is gone",
            "restore it, or remove the run",
        ) from error


def _register_type(butler: Butler, name: str) -> None:
    """Register a dataset type, or make sure that it is what is needed."""
    wanted = DatasetType(
        name, ("instrument", "detector"), "AstropyTable", universe=butler.dimensions, isCalibration=True
    )
    try:
        butler.registry.registerDatasetType(wanted)
    except ConflictingDefinitionError as error:
        raise RepositoryError(
            f"the repository has the dataset type {name} with another definition: {error}",
            "curate it with the tools of the repository's own pipelines",
        ) from error


def _refuse_hiding(
    butler: Butler, top: str, dataset: CuratedDataset, request: CurationRequest, collection: str
) -> None:
    """Refuse a range without end that would hide calibrations which begin later."""
    data_id = (("instrument", request.instrument), ("detector", dataset.detector))
    refuse_shadowing(butler, top, [(dataset.dataset_type, data_id)], request.validity, ignore=(collection,))


def _hiding(butler: Butler, top: str, ref: DatasetRef, validity: Validity) -> Iterator[VisiblePart]:
    """Yield what lookups find instead of a dataset within its range."""
    try:
        visible = timeline(butler, top, (ref.datasetType.name,))
    except (MissingCollectionError, MissingDatasetTypeError):
        return
    data_id = tuple(ref.dataId.required.items())
    for found in visible:
        certified = found.certified
        if certified.data_id == data_id and certified.uuid != ref.id and found.part.overlaps(validity):
            yield found
