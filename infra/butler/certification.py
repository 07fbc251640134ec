"""Certification by reconciliation: compare what is certified with what should be, and do the rest."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lsst.daf.butler import Butler, CollectionType, DatasetExistence, DatasetRef, MissingCollectionError
from lsst.daf.butler.registry import ConflictingDefinitionError

from infra.butler.ranges import CertifiedRange, VisiblePart, associations, data_id_of, format_data_id
from infra.butler.shadowing import refuse_shadowing
from infra.butler.validity import Validity
from infra.errors import ReleaseError

__all__ = ["CertificationOutcome", "ExpectedCoverage", "WantedRange", "certify", "reconcile"]


@dataclass(frozen=True, slots=True)
class ExpectedCoverage:
    """The detectors, and for calibrations that have one the filters, that a release must not lack."""

    detectors: tuple[int, ...]
    """Detector numbers."""
    physical_filters: tuple[str, ...] = ()
    """Filters; empty for calibrations without one."""

    def check(self, refs: Sequence[DatasetRef]) -> None:
        """Refuse a set of datasets with a gap, a double or a stranger.

        Raises
        ------
        ReleaseError
            Names what is missing, doubled or not expected.
        """
        for name in sorted({ref.datasetType.name for ref in refs}):
            found = Counter(_cell(ref) for ref in refs if ref.datasetType.name == name)
            filters: tuple[str | None, ...] = self.physical_filters or (None,)
            expected = set(product(self.detectors, filters))
            doubled = {cell for cell, count in found.items() if count > 1}
            for what, cells in (
                ("lacks", expected - set(found)),
                ("holds twice", doubled),
                ("holds, unexpectedly,", set(found) - expected),
            ):
                if cells:
                    raise ReleaseError(
                        f"the set of {name} to certify {what} {_format_cells(cells)}: it has {len(found)} of "
                        f"{len(expected)} datasets",
                        "give every dataset of the calibration, from all its runs",
                    )


@dataclass(frozen=True, slots=True)
class WantedRange:
    """A dataset that shall be valid during a range."""

    ref: DatasetRef
    validity: Validity


@dataclass(frozen=True, slots=True)
class CertificationOutcome:
    """What certification did, or with ``dry_run`` would do."""

    certified: tuple[CertifiedRange, ...]
    """Newly certified."""
    unchanged: tuple[CertifiedRange, ...]
    """Found certified exactly so."""
    shadowed: tuple[VisiblePart, ...] = ()
    """Parts of ranges that lookups through the chain find today and will no longer find."""

    @property
    def changed(self) -> bool:
        """Whether anything was certified."""
        return bool(self.certified)


def certify(
    butler: Butler,
    collection: str,
    refs: Iterable[DatasetRef],
    validity: Validity,
    *,
    expected: ExpectedCoverage | None,
    chain: str | None = None,
    dry_run: bool = False,
) -> CertificationOutcome:
    """Certify datasets for a range; repeating it does nothing.

    Parameters
    ----------
    butler
        Writeable repository.
    collection
        CALIBRATION collection, made if missing.
    refs
        The datasets themselves: nothing is searched for, so nothing can be found twice or overlooked.
    validity
        When they are valid.
    expected
        Detectors and filters that there must be, no more and no less; None where that does not apply.
    chain
        Chain that the collection will be put in front of, such as ``LATISS/calib``: refuses an open-ended
        range that would hide newer calibrations there.
    dry_run
        Find out what would be done, and do nothing.

    Raises
    ------
    ReleaseError
        A dataset is missing or no calibration, the set is not complete, another range is in the way, or the
        range hides newer calibrations. Nothing has been certified then.
    """
    chosen = list(refs)
    _check_refs(butler, collection, chosen)
    if expected is not None:
        expected.check(chosen)
    shadowed: tuple[VisiblePart, ...] = ()
    if chain is not None:
        data_ids = {(ref.datasetType.name, data_id_of(ref)) for ref in chosen}
        shadowed = refuse_shadowing(butler, chain, data_ids, validity, ignore=(collection,))
    wanted = {collection: [WantedRange(ref, validity) for ref in chosen]}
    outcome = reconcile(butler, wanted, dry_run=dry_run)
    return CertificationOutcome(outcome.certified, outcome.unchanged, shadowed)


def reconcile(
    butler: Butler,
    wanted: Mapping[str, Sequence[WantedRange]],
    *,
    exclusive: bool = False,
    dry_run: bool = False,
) -> CertificationOutcome:
    """Bring collections to hold the ranges wanted, all of them in one transaction.

    Parameters
    ----------
    butler
        Writeable repository.
    wanted
        Ranges of each CALIBRATION collection, which is made if missing.
    exclusive
        Refuse collections that hold anything else, not only what overlaps.
    dry_run
        Find out what would be done, and do nothing.

    Raises
    ------
    ReleaseError
        Something else is certified there; names both ranges. Nothing has been certified then.
    """
    for collection in wanted:
        _check_collection(butler, collection, register=not dry_run)
    if dry_run:
        missing, unchanged = _compare(butler, wanted, exclusive)
    else:
        try:
            with butler.transaction():
                missing, unchanged = _compare(butler, wanted, exclusive)
                for (collection, validity), refs in _grouped(missing).items():
                    butler.registry.certify(collection, refs, validity.timespan())
        except ConflictingDefinitionError as error:
            raise ReleaseError(
                f"another certification was written to {', '.join(wanted)} at the same time: {error}",
                "look at what it holds now, and certify again",
            ) from error
    new = tuple(_as_range(collection, item) for collection, item in missing)
    return CertificationOutcome(new, tuple(unchanged))


def _compare(
    butler: Butler, wanted: Mapping[str, Sequence[WantedRange]], exclusive: bool
) -> tuple[list[tuple[str, WantedRange]], list[CertifiedRange]]:
    """Return what is missing and what is exactly there; refuse what is in the way."""
    missing: list[tuple[str, WantedRange]] = []
    unchanged: list[CertifiedRange] = []
    for collection, items in wanted.items():
        there: dict[tuple[str, object], list[CertifiedRange]] = {}
        for _, found in associations(butler, collection):
            there.setdefault((found.dataset_type, found.data_id), []).append(found)
        matched: set[CertifiedRange] = set()
        for item in items:
            range_wanted = _as_range(collection, item)
            rivals = there.get((range_wanted.dataset_type, range_wanted.data_id), [])
            if range_wanted in rivals:
                matched.add(range_wanted)
                unchanged.append(range_wanted)
                continue
            for rival in rivals:
                if rival.validity.overlaps(range_wanted.validity):
                    raise _conflict(rival, range_wanted)
            missing.append((collection, item))
        if exclusive:
            for rival in (rival for rivals in there.values() for rival in rivals if rival not in matched):
                raise ReleaseError(
                    f"{collection} holds what the release does not: {rival}",
                    "decertify it, or release under another certification rerun",
                )
    return missing, unchanged


def _conflict(rival: CertifiedRange, wanted: CertifiedRange) -> ReleaseError:
    same = " the same dataset" if rival.uuid == wanted.uuid else ""
    return ReleaseError(
        f"cannot certify {wanted.dataset_type} {format_data_id(wanted.data_id)} ({str(wanted.uuid)[:8]}) for "
        f"{wanted.validity} in {wanted.collection}:{same} {str(rival.uuid)[:8]} is certified there for "
        f"{rival.validity}",
        "certify into a new collection and put it first in the chain, or decertify the other range",
    )


def _check_refs(butler: Butler, collection: str, refs: Sequence[DatasetRef]) -> None:
    """Refuse datasets that are no calibrations, or whose bytes are not there."""
    if not refs:
        raise ReleaseError(
            f"there is nothing to certify in {collection}", "name the runs that hold the datasets"
        )
    for ref in refs:
        what = f"{ref.datasetType.name} {format_data_id(data_id_of(ref))} of {ref.run}"
        if not ref.datasetType.isCalibration():
            raise ReleaseError(f"{what} is no calibration", "certify calibration dataset types only")
        # A truth value would not do: a flag for a lost file is falsy.
        if butler.exists(ref, full_check=True) is not DatasetExistence.VERIFIED:
            raise ReleaseError(
                f"{what} ({ref.id}) is not in the repository", "make it again, or restore its file"
            )


def _check_collection(butler: Butler, name: str, *, register: bool) -> None:
    """Make a CALIBRATION collection, or make sure that it is one."""
    try:
        kind = butler.collections.get_info(name).type
    except MissingCollectionError:
        if register:
            butler.collections.register(name, CollectionType.CALIBRATION)
        return
    if kind is not CollectionType.CALIBRATION:
        raise ReleaseError(
            f"{name} is a {kind.name} collection, not a CALIBRATION one", "certify under another name"
        )


def _as_range(collection: str, item: WantedRange) -> CertifiedRange:
    ref = item.ref
    return CertifiedRange(collection, ref.datasetType.name, data_id_of(ref), ref.id, item.validity)


def _grouped(missing: Iterable[tuple[str, WantedRange]]) -> dict[tuple[str, Validity], list[DatasetRef]]:
    groups: dict[tuple[str, Validity], list[DatasetRef]] = {}
    for collection, item in missing:
        groups.setdefault((collection, item.validity), []).append(item.ref)
    return groups


def _cell(ref: DatasetRef) -> tuple[int, str | None]:
    values = ref.dataId.required
    physical_filter = values.get("physical_filter")
    return int(values["detector"]), None if physical_filter is None else str(physical_filter)


def _format_cells(cells: Iterable[tuple[int, str | None]]) -> str:
    names = sorted(f"detector {detector}{f' in {name}' if name else ''}" for detector, name in cells)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
