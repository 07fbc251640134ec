"""A ticket's certified calibrations, described as a bundle straight from the repository."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lsst.daf.butler import Butler, CollectionType, DatasetRef, FileDataset
from lsst.resources import ResourcePath

from infra.butler.chains import children
from infra.butler.ranges import associations, data_id_of
from infra.butler.records import detector_entries, filter_entries, instrument_entry
from infra.butler.serials import file_serial
from infra.errors import ReleaseError
from infra.files import sha256_of
from infra.storage import Bundle, BundleFile, ChecksumCache, Manifest
from infra.storage.manifest import (
    EXPORT_NAME,
    CertifiedEntry,
    ChainEntry,
    DatasetEntry,
    DatasetTypeEntry,
)

__all__ = ["BundleRequest", "RepositoryBundle", "describe_bundle"]


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """What a bundle is to hold."""

    name: str
    """Name of the bundle, such as ``calibs.20240405a``."""
    instrument: str
    """Name of the instrument."""
    ticket_chain: str
    """Chain whose certified collections are taken, such as ``LATISS/calib/DM-43525``."""
    campaign: str | None = None
    """Campaign, for the record."""
    decision_digest: str | None = None
    """Digest that the approval is bound to, for the record."""
    serials: Mapping[int, str] = field(default_factory=dict)
    """Serial number of each detector, where the camera model knows it; checked against the calibrations."""
    attachments: Mapping[str, Path] = field(default_factory=dict)
    """Further files: path within the bundle, and where each is now."""


class RepositoryBundle(Bundle):
    """A bundle whose files are still in the repository.

    Parameters
    ----------
    address
        For messages.
    manifest
        What it holds.
    sources
        Where the bytes of each file are.
    """

    def __init__(
        self, address: str, manifest: Manifest, sources: Mapping[str, ResourcePath | Path | bytes]
    ) -> None:
        super().__init__(address, manifest)
        self._sources = dict(sources)

    def problems(self, checksums: ChecksumCache) -> tuple[str, ...]:
        """Say which files changed since they were described."""
        found = []
        for file in self.manifest.files():
            source = self._sources[file.path]
            if isinstance(source, bytes):
                continue
            if _size_and_sha256(source, checksums) != (file.size, file.sha256):
                found.append(f"{file.path} changed")
        return tuple(found)

    @contextmanager
    def local(self, file: BundleFile) -> Iterator[Path]:
        """Give the file in the repository, or a temporary copy of what is not on this machine."""
        source = self._sources[file.path]
        if isinstance(source, Path):
            yield source
        elif isinstance(source, bytes):
            with tempfile.TemporaryDirectory(prefix="calprod-bundle-") as folder:
                path = Path(folder) / PurePosixPath(file.path).name
                path.write_bytes(source)
                yield path
        else:
            with source.as_local() as copy:
                yield Path(copy.ospath)


def describe_bundle(butler: Butler, request: BundleRequest, checksums: ChecksumCache) -> RepositoryBundle:
    """Describe everything that a ticket has certified.

    Parameters
    ----------
    butler
        Repository of origin; nothing is written to it.
    request
        What to take.
    checksums
        Checksums known so far.

    Raises
    ------
    ReleaseError
        The chain does not exist or is empty, a file is missing, or a calibration was made with another CCD.

    Notes
    -----
    Beside the manifest there is the Butler's own ``export.yaml``, for people without calprod. It names the
    ticket chain and never the default chain, because ``butler import`` replaces the chains that it names.
    """
    members = _members(butler, request)
    refs: dict[DatasetRef, None] = {}
    certifications = []
    for collection in members:
        for ref, found in associations(butler, collection):
            refs[ref] = None
            certifications.append(
                CertifiedEntry(
                    collection=collection,
                    uuid=ref.id,
                    begin=found.validity.begin,
                    end=found.validity.end,
                )
            )
    if not refs:
        raise ReleaseError(f"{request.ticket_chain} holds no certified dataset", "certify first")
    stored, export = _export(butler, (*members, request.ticket_chain), sorted(refs))
    sources: dict[str, ResourcePath | Path | bytes] = {EXPORT_NAME: export}
    datasets = _datasets(butler, stored, sources, checksums)
    attachments = [BundleFile(path=EXPORT_NAME, size=len(export), sha256=hashlib.sha256(export).hexdigest())]
    for path, origin in sorted(request.attachments.items()):
        size, sha256 = _size_and_sha256(origin, checksums)
        attachments.append(BundleFile(path=path, size=size, sha256=sha256))
        sources[path] = origin
    manifest = Manifest(
        name=request.name,
        campaign=request.campaign,
        decision_digest=request.decision_digest,
        universe=f"{butler.dimensions.namespace}:{butler.dimensions.version}",
        instrument=instrument_entry(butler, request.instrument),
        detectors=detector_entries(
            butler,
            request.instrument,
            {ref.dataId.required["detector"] for ref in refs if "detector" in ref.dataId},
            _serials(stored, sources, request.serials),
        ),
        filters=filter_entries(
            butler, request.instrument, {ref.dataId.required.get("physical_filter") for ref in refs}
        ),
        dataset_types=_dataset_types(refs),
        datasets=datasets,
        certifications=tuple(
            sorted(certifications, key=lambda entry: (entry.collection, entry.begin or 0, str(entry.uuid)))
        ),
        chain=ChainEntry(name=request.ticket_chain, children=members),
        attachments=tuple(attachments),
    )
    return RepositoryBundle(f"{request.ticket_chain} in {_root(butler)}", manifest, sources)


@dataclass(frozen=True, slots=True)
class _StoredFile:
    """A dataset with the path it gets in the bundle."""

    ref: DatasetRef
    path: str
    formatter: str


def _members(butler: Butler, request: BundleRequest) -> tuple[str, ...]:
    members = children(butler, request.ticket_chain)
    if not members:
        raise ReleaseError(f"there is no ticket chain {request.ticket_chain}", "certify and chain first")
    for name in members:
        kind = butler.collections.get_info(name).type
        if kind is not CollectionType.CALIBRATION:
            raise ReleaseError(
                f"{request.ticket_chain} holds {name}, a {kind.name} collection",
                "export a ticket's chain of certified collections, not the default chain",
            )
    return members


def _export(
    butler: Butler, collections: Sequence[str], refs: Sequence[DatasetRef]
) -> tuple[tuple[_StoredFile, ...], bytes]:
    """Write the Butler's own export file; return it with the paths and formatters it names."""
    stored: list[_StoredFile] = []

    def rewrite(file: FileDataset) -> FileDataset:
        (ref,) = file.refs
        path = str(file.path)
        if ResourcePath(path, forceAbsolute=False).isabs():
            # An external file: it gets a place of its own in the bundle.
            path = f"{ref.run}/{ref.datasetType.name}/{ref.id}{ResourcePath(path).getExtension()}"
        formatter = file.formatter
        name = formatter if isinstance(formatter, str) else f"{formatter.__module__}.{formatter.__qualname__}"  # type: ignore[union-attr]
        stored.append(_StoredFile(ref, path, name))
        return FileDataset(path=path, refs=[ref], formatter=name)

    with tempfile.TemporaryDirectory(prefix="calprod-export-") as folder:
        filename = Path(folder) / EXPORT_NAME
        with butler.export(filename=str(filename), format="yaml", transfer=None) as export:
            for name in collections:
                export.saveCollection(name)
            export.saveDatasets(_expanded(butler, refs), rewrite=rewrite)
        return tuple(stored), filename.read_bytes()


def _expanded(butler: Butler, refs: Sequence[DatasetRef]) -> list[DatasetRef]:
    known = {ref.dataId: butler.registry.expandDataId(ref.dataId) for ref in refs}
    return [ref.expanded(known[ref.dataId]) for ref in refs]


def _datasets(
    butler: Butler,
    stored: Sequence[_StoredFile],
    sources: dict[str, ResourcePath | Path | bytes],
    checksums: ChecksumCache,
) -> tuple[DatasetEntry, ...]:
    uris = butler.get_many_uris([file.ref for file in stored])
    entries = []
    for file in stored:
        uri = uris[file.ref].primaryURI
        if uri is None:
            raise ReleaseError(f"{file.ref} is stored in several files", "write it as one file, then export")
        origin: ResourcePath | Path = Path(uri.ospath) if uri.isLocal else uri
        size, sha256 = _size_and_sha256(origin, checksums)
        sources[file.path] = origin
        entries.append(
            DatasetEntry(
                path=file.path,
                size=size,
                sha256=sha256,
                uuid=file.ref.id,
                dataset_type=file.ref.datasetType.name,
                run=file.ref.run,
                data_id=dict(data_id_of(file.ref)),
                storage_class=file.ref.datasetType.storageClass_name,
                formatter=file.formatter,
            )
        )
    return tuple(sorted(entries, key=lambda entry: entry.path))


def _size_and_sha256(origin: ResourcePath | Path, checksums: ChecksumCache) -> tuple[int, str]:
    try:
        if isinstance(origin, Path):
            return origin.stat().st_size, checksums.sha256(origin)
        with origin.as_local() as local:
            return local.size(), sha256_of(local.ospath)
    except FileNotFoundError:
        raise ReleaseError(
            f"{origin} is missing", "restore it from another site, then export again"
        ) from None


def _serials(
    stored: Sequence[_StoredFile],
    sources: Mapping[str, ResourcePath | Path | bytes],
    known: Mapping[int, str],
) -> dict[int, str]:
    """Return each detector's serial number; refuse a calibration whose header names another CCD."""
    serials = dict(known)
    for file in stored:
        source, detector = sources[file.path], file.ref.dataId.required.get("detector")
        if not isinstance(source, Path) or not isinstance(detector, int):
            continue
        serial = file_serial(source)
        if serial and serials.setdefault(detector, serial) != serial:
            raise ReleaseError(
                f"{file.path} was made with CCD {serial}, but detector {detector} is {serials[detector]}",
                "leave the calibrations of the other CCD out, or correct the camera model",
            )
    return serials


def _dataset_types(refs: Mapping[DatasetRef, None]) -> tuple[DatasetTypeEntry, ...]:
    types = {ref.datasetType.name: ref.datasetType for ref in refs}
    return tuple(
        DatasetTypeEntry(
            name=name,
            dimensions=tuple(kind.dimensions.required),
            storage_class=kind.storageClass_name,
            is_calibration=kind.isCalibration(),
        )
        for name, kind in sorted(types.items())
    )


def _root(butler: Butler) -> str:
    return str(next((root for root in butler.get_datastore_roots().values() if root), "the repository"))
