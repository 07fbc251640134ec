"""Putting a bundle's files into a repository: what is absent, missing or damaged, and nothing else."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from uuid import UUID

from lsst.daf.butler import Butler, DataCoordinate, DatasetRef, DatasetType, FileDataset
from lsst.daf.butler.registry import ConflictingDefinitionError
from lsst.resources import ResourcePath

from infra.butler.ranges import data_id_of, format_data_id
from infra.errors import ReleaseError
from infra.files import sha256_of
from infra.storage import Bundle, Checkpoint, ChecksumCache, Manifest, Permissions
from infra.storage.checksums import copy_verified
from infra.storage.manifest import DatasetEntry

__all__ = ["PlacedDataset", "Placement", "Site", "locate", "place"]

_BATCH = 50


@dataclass(frozen=True, slots=True)
class PlacedDataset:
    """A dataset of the bundle, and where the site keeps it or will keep it."""

    entry: DatasetEntry
    ref: DatasetRef
    uri: ResourcePath
    is_known: bool
    """Whether the site's datastore has a record of it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What placing the files did."""

    ingested: int
    """Datasets that the site did not have."""
    restored: int
    """Datasets whose file was missing or damaged, and was written again."""
    unchanged: int
    """Datasets found whole."""


@dataclass(frozen=True, slots=True)
class Site:
    """The files of a repository, with the permissions they shall have."""

    roots: tuple[ResourcePath, ...]
    """Roots of its datastores; nothing is written outside."""
    permissions: Permissions
    checksums: ChecksumCache

    @classmethod
    def of(cls, butler: Butler, permissions: Permissions, checksums: ChecksumCache) -> "Site":
        """Return the files of a repository."""
        roots = tuple(root for root in butler.get_datastore_roots().values() if root is not None)
        return cls(roots, permissions, checksums)

    def sha256(self, uri: ResourcePath) -> str | None:
        """Return the checksum of the bytes at ``uri``, or None when there are none."""
        if uri.isLocal:
            path = Path(uri.ospath)
            return self.checksums.sha256(path) if path.is_file() else None
        if not uri.exists():
            return None
        with uri.as_local() as local:
            return sha256_of(local.ospath)

    def write(self, source: Path, placed: PlacedDataset) -> None:
        """Write a dataset's bytes, whole or not at all, with the permissions wanted."""
        uri, entry = placed.uri, placed.entry
        root = self.root_of(uri)
        if root is None:
            raise ReleaseError(
                f"{uri} is outside the repository, which only refers to it",
                "restore that file where it belongs",
            )
        if not uri.isLocal:
            uri.transfer_from(ResourcePath(source), transfer="copy", overwrite=True)
            if self.sha256(uri) != entry.sha256:
                raise ReleaseError(f"{uri} did not arrive whole", "deliver again")
            return
        target = Path(uri.ospath)
        self._make_folders(Path(root.ospath), target.parent)
        for leftover in target.parent.glob(f".{target.name[:100]}.*.tmp"):
            leftover.unlink(missing_ok=True)  # of a delivery that was killed; deliveries exclude each other
        copy_verified(source, target, entry.sha256, mode=self.permissions.file_mode)
        self.permissions.apply(target)

    def fix_permissions(self, uris: Iterable[ResourcePath]) -> int:
        """Give files and their folders the permissions wanted; return how many had others."""
        return sum(self.permissions.apply(path) for path in self._paths(uris))

    def permission_problems(self, uris: Iterable[ResourcePath]) -> tuple[str, ...]:
        """Say which files, and folders between them and the root, have other permissions than wanted."""
        found = []
        for path in self._paths(uris):
            for problem in self.permissions.problems(path) if path.exists() else ():
                found.append(f"{path}: {problem}")
        return tuple(found)

    def root_of(self, uri: ResourcePath) -> ResourcePath | None:
        """Return the root that ``uri`` lies below, or None when it is outside the repository."""
        return next((root for root in self.roots if uri.relative_to(root) is not None), None)

    def _paths(self, uris: Iterable[ResourcePath]) -> tuple[Path, ...]:
        """Paths of local files and of the folders between them and their root, each once, outermost first."""
        paths: dict[Path, None] = {}
        for uri in uris:
            root = self.root_of(uri)
            if root is not None and uri.isLocal:
                path = Path(uri.ospath)
                paths.update(dict.fromkeys(reversed(tuple(_between(Path(root.ospath), path.parent)))))
                paths[path] = None
        return tuple(paths)

    def _make_folders(self, root: Path, folder: Path) -> None:
        for path in reversed(tuple(_between(root, folder))):
            if not path.is_dir():
                path.mkdir(exist_ok=True)
                self.permissions.apply(path)


def locate(butler: Butler, manifest: Manifest, types: Mapping[str, DatasetType]) -> tuple[PlacedDataset, ...]:
    """Find where the site keeps each dataset, or will keep it.

    Raises
    ------
    ReleaseError
        The site has one of them under another type, run or data ID, or another dataset in its place.
    """
    refs: dict[UUID, DatasetRef] = {}
    expanded: dict[tuple[object, ...], DataCoordinate] = {}
    for entry in manifest.datasets:
        kind = types[entry.dataset_type]
        key = (kind.dimensions, *sorted(entry.data_id.items()))
        if key not in expanded:
            expanded[key] = butler.registry.expandDataId(entry.data_id, dimensions=kind.dimensions)
        refs[entry.uuid] = DatasetRef(kind, expanded[key], run=entry.run, id=entry.uuid)
    _refuse_others(butler, refs)
    uris = butler.get_many_uris(list(refs.values()), predict=True)
    placed = []
    for entry in manifest.datasets:
        ref = refs[entry.uuid]
        uri = uris[ref].primaryURI
        if uri is None:
            raise ReleaseError(
                f"the destination keeps {ref} in several files", "deliver to another repository"
            )
        is_known = uri.fragment != "predicted"
        if not is_known:
            extension = ResourcePath(entry.path, forceAbsolute=False).getExtension()
            uri = uri.replace(fragment="").updatedExtension(extension)
        placed.append(PlacedDataset(entry, ref, uri, is_known))
    return tuple(placed)


def place(
    butler: Butler, bundle: Bundle, placed: Sequence[PlacedDataset], site: Site, checkpoint: Checkpoint
) -> Placement:
    """Write the files that are absent, missing or damaged, and ingest what the repository did not know.

    Notes
    -----
    A file is whole under its final name before the repository hears of it, and is ingested where it is. So
    nothing that goes wrong in the database can take a file away again, as a copying ingest would.
    """
    unknown = [item for item in placed if not item.is_known]
    ingested = 0
    for batch in batched(unknown, _BATCH):
        for item in batch:
            _write_if_needed(bundle, item, site, checkpoint, "copy")
        checkpoint(f"ingest {batch[0].entry.path}")
        _ingest(butler, batch)
        ingested += len(batch)
    restored = sum(
        _write_if_needed(bundle, item, site, checkpoint, "restore") for item in placed if item.is_known
    )
    return Placement(ingested, restored, len(placed) - ingested - restored)


def _write_if_needed(
    bundle: Bundle, item: PlacedDataset, site: Site, checkpoint: Checkpoint, action: str
) -> bool:
    if site.sha256(item.uri) == item.entry.sha256:
        return False
    checkpoint(f"{action} {item.entry.path}")
    with bundle.local(item.entry) as source:
        site.write(source, item)
    return True


def _ingest(butler: Butler, batch: Sequence[PlacedDataset]) -> None:
    files = [FileDataset(item.uri, [item.ref], formatter=item.entry.formatter) for item in batch]
    try:
        butler.ingest(*files, transfer=None, skip_existing=True)
    except ConflictingDefinitionError as error:
        raise ReleaseError(f"the destination changed during delivery: {error}", "deliver again") from error


def _refuse_others(butler: Butler, refs: Mapping[UUID, DatasetRef]) -> None:
    """Stop where the site has one of the datasets as something else, or something else as one of them."""
    for found in butler.get_many_datasets(list(refs)):
        ref = refs[found.id]
        if (found.datasetType.name, found.run, data_id_of(found)) != (
            ref.datasetType.name,
            ref.run,
            data_id_of(ref),
        ):
            raise ReleaseError(
                f"the destination has {found.id} as {_name(found)}, the bundle as {_name(ref)}",
                "one of them is forged or was imported wrongly: remove it there by hand",
            )
    for run, name in sorted({(ref.run, ref.datasetType.name) for ref in refs.values()}):
        mine = {
            data_id_of(ref): ref for ref in refs.values() if (ref.run, ref.datasetType.name) == (run, name)
        }
        for found in butler.query_datasets(
            name, collections=run, find_first=False, explain=False, limit=None
        ):
            wanted = mine.get(data_id_of(found))
            if wanted is not None and wanted.id != found.id:
                raise ReleaseError(
                    f"the destination has dataset {found.id} as {_name(found)}, the bundle {wanted.id}",
                    "no run is made twice under one name: remove by hand the one that should not be there",
                )


def _name(ref: DatasetRef) -> str:
    return f"{ref.datasetType.name} {format_data_id(data_id_of(ref))} of {ref.run}"


def _between(root: Path, folder: Path) -> Iterator[Path]:
    """Yield ``folder`` and its parents below ``root``, the deepest first."""
    root = Path(os.path.abspath(root))
    while folder != root and folder != folder.parent:
        yield folder
        folder = folder.parent
