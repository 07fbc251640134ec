"""Delivery of a bundle to a site: six steps, each of which can be repeated, the visible one last."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from lsst.daf.butler import Butler, DatasetType
from lsst.daf.butler.registry import ConflictingDefinitionError
from lsst.utils import doImportType

from infra.butler.certification import WantedRange, reconcile
from infra.butler.chains import ChainEdit, children, prepend, set_ticket_chain
from infra.butler.collections import register_run
from infra.butler.placement import PlacedDataset, Site, locate, place
from infra.butler.ranges import data_id_of, format_data_id
from infra.butler.records import check_records, create_instrument, has_instrument
from infra.butler.shadowing import refuse_shadowing
from infra.butler.validity import Validity
from infra.errors import ReleaseError
from infra.storage import Bundle, Checkpoint, ChecksumCache, Manifest, Permissions, no_checkpoint

__all__ = ["DeliveryReport", "DeliverySettings", "deliver"]


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What a site's profile says about deliveries to it."""

    default_chain: str
    """Chain that the site's users read, such as ``LATISS/calib``."""
    permissions: Permissions = field(default_factory=Permissions)
    """Mode bits and group of files and folders."""
    may_create_instrument: bool = False
    """Register the instrument when the site does not know it at all."""
    serials: Mapping[int, str] = field(default_factory=dict)
    """Serial number of each detector in the site's own camera model."""
    accept_new_serials: bool = False
    """Take calibrations of a CCD that replaced the one the site's present calibrations were made with."""
    may_hide_newer: bool = False
    """Take a range without end although calibrations that begin later are in the site's chain."""
    may_drop_members: bool = False
    """Let members leave the site's ticket chain that the bundle no longer has."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a delivery did."""

    bundle: str
    """Address of the bundle."""
    manifest_digest: str
    """SHA-256 of the manifest's content."""
    instrument_created: bool
    ingested: int
    """Datasets that the site did not have."""
    restored: int
    """Datasets whose file was missing or damaged, and was written again."""
    unchanged: int
    """Datasets found whole."""
    certified: int
    """Ranges certified."""
    modes_fixed: int
    """Files and folders whose permissions had to be put right."""
    ticket_chain: ChainEdit
    default_chain: ChainEdit

    @property
    def chained(self) -> int:
        """Chains that were edited."""
        return int(self.ticket_chain.changed) + int(self.default_chain.changed)

    @property
    def changed(self) -> bool:
        """Whether anything at the site was changed."""
        counts = (self.ingested, self.restored, self.certified, self.modes_fixed, self.chained)
        return self.instrument_created or any(counts)


def deliver(
    bundle: Bundle,
    butler: Butler,
    settings: DeliverySettings,
    *,
    checksums: ChecksumCache | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> DeliveryReport:
    """Make a site hold a bundle, and its users find it.

    Parameters
    ----------
    bundle
        What to deliver.
    butler
        Writeable repository of the site.
    settings
        What the site's profile says.
    checksums
        Checksums known so far, of the bundle's files and the site's; without it every byte is read.
    checkpoint
        Called before each step.

    Returns
    -------
    DeliveryReport
        What was done; nothing, when the site had everything.

    Raises
    ------
    ReleaseError
        The bundle is damaged, the site means another camera, or holds something else under one of the names.
        The chains are as they were then.

    Notes
    -----
    Killed at any point and run again it ends in the same state. ``butler import`` is not used: a second one
    deletes the files that the first had copied, and it replaces chains even when it fails.
    """
    if checksums is None:
        with ChecksumCache.open() as own:
            return deliver(bundle, butler, settings, checksums=own, checkpoint=checkpoint)
    manifest = bundle.manifest
    with _exclusive(butler):
        butler.registry.refresh()
        checkpoint("verify bundle")
        _verify_bundle(bundle, checksums)
        checkpoint("check records")
        created = _check_site(butler, manifest, settings, checkpoint)
        checkpoint("register types and runs")
        types = _register(butler, manifest)
        placed = locate(butler, manifest, types)
        site = Site.of(butler, settings.permissions, checksums)
        placement = place(butler, bundle, placed, site, checkpoint)
        checkpoint("permissions")
        modes_fixed = site.fix_permissions(item.uri for item in placed)
        checkpoint("certify")
        certified = reconcile(butler, _wanted(manifest, placed), exclusive=True)
        checkpoint("prove")
        _prove(butler, placed, site)
        checkpoint("ticket chain")
        ticket = set_ticket_chain(
            butler, manifest.chain.name, manifest.chain.children, may_drop=settings.may_drop_members
        )
        checkpoint("default chain")
        default = prepend(butler, settings.default_chain, manifest.chain.name)
        checkpoint("done")
    return DeliveryReport(
        bundle=bundle.address,
        manifest_digest=manifest.digest(),
        instrument_created=created,
        ingested=placement.ingested,
        restored=placement.restored,
        unchanged=placement.unchanged,
        certified=len(certified.certified),
        modes_fixed=modes_fixed,
        ticket_chain=ticket,
        default_chain=default,
    )


def _verify_bundle(bundle: Bundle, checksums: ChecksumCache) -> None:
    problems = bundle.problems(checksums)
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ReleaseError(
            f"the bundle at {bundle.address} is damaged: {'; '.join(problems[:3])}{more}",
            "fetch it again, or export it again from where it came",
        )


def _check_site(
    butler: Butler, manifest: Manifest, settings: DeliverySettings, checkpoint: Checkpoint
) -> bool:
    """Refuse a bundle the site cannot take, before anything is written; tell whether the camera was new."""
    name = manifest.instrument.name
    created = False
    if not has_instrument(butler, name):
        if not settings.may_create_instrument:
            raise ReleaseError(
                f"the destination has no instrument {name}",
                "register it there first, or allow the delivery to create it",
            )
        checkpoint("create instrument")
        create_instrument(butler, manifest)
        created = True
    check_records(
        butler,
        manifest,
        settings.default_chain,
        serials=settings.serials,
        accept_new_serials=settings.accept_new_serials,
    )
    if not settings.may_hide_newer and manifest.chain.name not in (
        children(butler, settings.default_chain) or ()
    ):
        _refuse_hiding(butler, manifest, settings.default_chain)
    return created


def _refuse_hiding(butler: Butler, manifest: Manifest, chain: str) -> None:
    entries = {entry.uuid: entry for entry in manifest.datasets}
    dimensions = {entry.name: entry.dimensions for entry in manifest.dataset_types}
    by_validity: dict[Validity, set[tuple[str, tuple[tuple[str, int | str], ...]]]] = {}
    for certified in manifest.certifications:
        entry = entries[certified.uuid]
        data_id = tuple((name, entry.data_id[name]) for name in dimensions[entry.dataset_type])
        key = Validity(certified.begin, certified.end)
        by_validity.setdefault(key, set()).add((entry.dataset_type, data_id))
    for validity, data_ids in by_validity.items():
        refuse_shadowing(butler, chain, data_ids, validity, ignore=manifest.chain.children)


def _register(butler: Butler, manifest: Manifest) -> dict[str, DatasetType]:
    """Register dataset types and runs; refuse types that the site defines otherwise or cannot read."""
    for formatter in sorted({entry.formatter for entry in manifest.datasets}):
        try:
            doImportType(formatter)
        except (ImportError, TypeError) as error:
            raise ReleaseError(
                f"the formatter {formatter} cannot be imported here: {error}",
                "deliver from an environment that has the package",
            ) from error
    types = {}
    for entry in manifest.dataset_types:
        try:
            kind = DatasetType(
                entry.name,
                entry.dimensions,
                entry.storage_class,
                universe=butler.dimensions,
                isCalibration=entry.is_calibration,
            )
            butler.registry.registerDatasetType(kind)
        except (ConflictingDefinitionError, ValueError, KeyError) as error:
            raise ReleaseError(
                f"the destination defines dataset type '{entry.name}' otherwise: {error}",
                "for a repository with Rubin's official types, export with their storage classes",
            ) from error
        types[entry.name] = kind
    # In order, so that two deliveries that register the same runs cannot wait for each other.
    for run in sorted({entry.run for entry in manifest.datasets}):
        register_run(butler, run)
    return types


def _wanted(manifest: Manifest, placed: tuple[PlacedDataset, ...]) -> dict[str, list[WantedRange]]:
    refs = {item.ref.id: item.ref for item in placed}
    wanted: dict[str, list[WantedRange]] = {name: [] for name in manifest.chain.children}
    for entry in manifest.certifications:
        item = WantedRange(refs[entry.uuid], Validity(entry.begin, entry.end))
        wanted.setdefault(entry.collection, []).append(item)
    return wanted


def _prove(butler: Butler, placed: tuple[PlacedDataset, ...], site: Site) -> None:
    """Check that the repository knows every dataset and that its bytes are the approved ones."""
    stored = butler.stored_many([item.ref for item in placed])
    for item in placed:
        if not stored[item.ref] or site.sha256(item.uri) != item.entry.sha256:
            raise ReleaseError(
                f"{item.entry.dataset_type} {format_data_id(data_id_of(item.ref))} is damaged at {item.uri}",
                "somebody else writes there; deliver again",
            )


@contextmanager
def _exclusive(butler: Butler) -> Iterator[None]:
    """Hold the only right to deliver to a repository on a disk of this machine; it ends with the process."""
    handles = []
    try:
        for _, root in sorted(butler.get_datastore_roots().items()):
            if root is not None and root.isLocal:
                handle = os.open(root.ospath, os.O_RDONLY | os.O_DIRECTORY)
                handles.append(handle)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        for handle in handles:
            os.close(handle)
