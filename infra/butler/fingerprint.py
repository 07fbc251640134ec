"""The fingerprint of a site: everything its users' lookups depend on, in one digest per collection."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lsst.daf.butler import Butler, DatasetRef
from lsst.resources import ResourcePath

from infra.butler.chains import children
from infra.butler.placement import Site
from infra.butler.ranges import CertifiedRange, DataId, associations, flattened, format_data_id
from infra.butler.validity import Validity
from infra.files import digest_of
from infra.storage import ChecksumCache, Permissions

__all__ = [
    "CollectionFingerprint",
    "Difference",
    "FingerprintRow",
    "SiteFingerprint",
    "compare_sites",
    "site_fingerprint",
]


@dataclass(frozen=True, slots=True)
class FingerprintRow:
    """One certified range with the bytes behind it."""

    dataset_type: str
    data_id: DataId
    uuid: str
    validity: Validity
    sha256: str | None
    """Checksum of the file; None when it is missing."""

    def content(self) -> list[object]:
        """Return what the digest is computed over."""
        data_id = [list(pair) for pair in self.data_id]
        return [self.dataset_type, data_id, self.uuid, self.validity.text(), self.sha256]

    def __str__(self) -> str:
        return f"{self.dataset_type} {format_data_id(self.data_id)} valid {self.validity}"


@dataclass(frozen=True, slots=True)
class CollectionFingerprint:
    """One collection of the default chain."""

    name: str
    rows: tuple[FingerprintRow, ...]
    """Its ranges, sorted by type, data ID and begin."""
    digest: str
    """SHA-256 over the rows."""


@dataclass(frozen=True, slots=True)
class SiteFingerprint:
    """What a site's users find, and whether it is kept as its profile says."""

    site: str
    chain: str
    children: tuple[str, ...]
    """Children of the default chain, in search order."""
    collections: tuple[CollectionFingerprint, ...]
    """All collections that the chain leads to, in search order."""
    permission_problems: tuple[str, ...]
    """Files and folders whose mode or group is not the profile's."""
    digest: str
    """SHA-256 over the order and digests of the collections; the same at sites that answer the same."""

    @property
    def datasets(self) -> int:
        """Number of certified ranges."""
        return sum(len(collection.rows) for collection in self.collections)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two sites differ, or in which one differs from its profile."""

    kind: str
    """chain, collection, dataset, uuid, range, checksum, file or permission."""
    what: str
    """What differs, naming collection, type and data ID, or the path."""
    left: str
    """At the first site."""
    right: str
    """At the second site."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}: {self.left} | {self.right}"


def site_fingerprint(
    butler: Butler,
    chain: str,
    *,
    site: str,
    permissions: Permissions = Permissions(),  # noqa: B008 - frozen
    checksums: ChecksumCache | None = None,
) -> SiteFingerprint:
    """Return the fingerprint of what ``chain`` leads to at a site.

    Parameters
    ----------
    butler
        Repository of the site; nothing is written to it.
    chain
        Chain its users read, such as ``LATISS/calib``.
    site
        Name of the site, for messages.
    permissions
        Mode bits and group that the site's profile wants.
    checksums
        Checksums known so far: files that have not changed are not read again.
    """
    if checksums is None:
        with ChecksumCache.open() as own:
            return site_fingerprint(butler, chain, site=site, permissions=permissions, checksums=own)
    files = Site.of(butler, permissions, checksums)
    found = [(name, list(associations(butler, name))) for name in flattened(butler, chain)]
    refs = list({ref: None for _, pairs in found for ref, _ in pairs})
    stored = butler.stored_many(refs) if refs else {}
    uris = butler.get_many_uris([ref for ref in refs if stored[ref]], allow_missing=True) if refs else {}
    places = {ref: uris[ref].primaryURI if ref in uris else None for ref in refs}
    collections = tuple(_collection(name, pairs, places, files) for name, pairs in found)
    order = children(butler, chain) or ()
    return SiteFingerprint(
        site=site,
        chain=chain,
        children=order,
        collections=collections,
        permission_problems=files.permission_problems(uri for uri in places.values() if uri is not None),
        digest=digest_of([list(order), [[entry.name, entry.digest] for entry in collections]]),
    )


def _collection(
    name: str,
    pairs: list[tuple[DatasetRef, CertifiedRange]],
    places: dict[DatasetRef, ResourcePath | None],
    files: Site,
) -> CollectionFingerprint:
    rows = []
    for ref, found in pairs:
        uri = places[ref]
        sha256 = None if uri is None else files.sha256(uri)
        rows.append(
            FingerprintRow(found.dataset_type, found.data_id, str(found.uuid), found.validity, sha256)
        )
    rows.sort(key=lambda row: (row.dataset_type, str(row.data_id), row.validity.begin or 0, row.uuid))
    return CollectionFingerprint(name, tuple(rows), digest_of([row.content() for row in rows]))


def compare_sites(first: SiteFingerprint, second: SiteFingerprint) -> tuple[Difference, ...]:
    """Return everything in which two sites differ; nothing when both answer the same and are kept well.

    Notes
    -----
    Permissions are compared with each site's own profile, never with the other site's.
    """
    differences: list[Difference] = []
    if first.digest != second.digest:
        differences += _order(first, second)
        theirs = {entry.name: entry for entry in second.collections}
        for entry in first.collections:
            if entry.name in theirs and entry.digest != theirs[entry.name].digest:
                differences += _contents(entry, theirs[entry.name])
    as_wanted = "as its profile says"
    differences += [
        Difference("permission", f"at {first.site}", problem, as_wanted)
        for problem in first.permission_problems
    ]
    differences += [
        Difference("permission", f"at {second.site}", as_wanted, problem)
        for problem in second.permission_problems
    ]
    # A file that is missing is missing at both sites' cost, even when both have lost the same one.
    for entry in first.collections if first.digest == second.digest else ():
        differences += [
            Difference("file", f"{row} in {entry.name}", "missing", "missing")
            for row in entry.rows
            if row.sha256 is None
        ]
    return tuple(differences)


def _order(first: SiteFingerprint, second: SiteFingerprint) -> Iterator[Difference]:
    """Differences in what the chains hold, and in which order."""
    if first.children != second.children:
        yield Difference("chain", first.chain, _listed(first.children), _listed(second.children))
    ours = [entry.name for entry in first.collections]
    theirs = [entry.name for entry in second.collections]
    for name in ours:
        if name not in theirs:
            yield Difference("collection", name, "present", "missing")
    for name in theirs:
        if name not in ours:
            yield Difference("collection", name, "missing", "present")
    common_ours = [name for name in ours if name in theirs]
    common_theirs = [name for name in theirs if name in ours]
    if common_ours != common_theirs:
        yield Difference(
            "chain", f"{first.chain}, search order", _listed(common_ours), _listed(common_theirs)
        )


def _contents(first: CollectionFingerprint, second: CollectionFingerprint) -> Iterator[Difference]:
    """Differences between two collections of one name."""
    ours, theirs = _by_data_id(first), _by_data_id(second)
    for key in sorted(set(ours) | set(theirs), key=str):
        left, right = list(ours.get(key, ())), list(theirs.get(key, ()))
        what = f"{key[0]} {format_data_id(key[1])} in {first.name}"
        # The best match first, or a second range of one dataset would be taken for a change of the first.
        for is_same in _MATCHES:
            for row in tuple(left):
                twin = next((other for other in right if is_same(row, other)), None)
                if twin is not None:
                    left.remove(row)
                    right.remove(twin)
                    yield from _pair(what, row, twin)
        for row in left:
            yield Difference("dataset", what, f"{row.uuid[:8]} valid {row.validity}", "missing")
        for row in right:
            yield Difference("dataset", what, "missing", f"{row.uuid[:8]} valid {row.validity}")


_MATCHES: tuple[Callable[[FingerprintRow, FingerprintRow], bool], ...] = (
    lambda row, other: row.uuid == other.uuid and row.validity == other.validity,
    lambda row, other: row.validity == other.validity,
    lambda row, other: row.uuid == other.uuid,
)


def _pair(what: str, row: FingerprintRow, other: FingerprintRow) -> Iterator[Difference]:
    """Differences between two rows that are meant to be the same."""
    if row.uuid != other.uuid:
        yield Difference("uuid", what, row.uuid, other.uuid)
    if row.validity != other.validity:
        yield Difference("range", what, str(row.validity), str(other.validity))
    if row.sha256 is None or other.sha256 is None:
        states = ["missing" if sha256 is None else "present" for sha256 in (row.sha256, other.sha256)]
        yield Difference("file", what, *states)
    elif row.sha256 != other.sha256 and row.uuid == other.uuid:
        yield Difference("checksum", what, row.sha256, other.sha256)


def _by_data_id(collection: CollectionFingerprint) -> dict[tuple[str, DataId], list[FingerprintRow]]:
    rows: dict[tuple[str, DataId], list[FingerprintRow]] = {}
    for row in collection.rows:
        rows.setdefault((row.dataset_type, row.data_id), []).append(row)
    return rows


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
