"""Bundles in object storage (S3 and what speaks its protocol)."""

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.errors import ReleaseError
from infra.files import sha256_of
from infra.storage.bundle import Bundle, Checkpoint, Location, Publication, no_checkpoint
from infra.storage.checksums import ChecksumCache
from infra.storage.manifest import MANIFEST_NAME, BundleFile, Manifest

__all__ = ["S3Bundle", "publish_to_s3"]

_BLOCK = 4 * 1024 * 1024
# One PUT carries at most this much; a calibration image of the largest Rubin detector has 0.2 GB.
_LARGEST = 5 * 1024**3


class _Prefix:
    """The objects below ``s3://[profile@]bucket/prefix``.

    Endpoint and credentials are found as the Butler finds them: ``S3_ENDPOINT_URL``, the AWS variables, or
    ``LSST_RESOURCES_S3_PROFILE_<profile>`` for an address with a profile.
    """

    def __init__(self, address: str) -> None:
        from lsst.resources.s3 import S3ResourcePath

        root = S3ResourcePath(address, forceDirectory=True)
        self.address = address
        self._client: Any = root.client
        self._bucket = root.netloc.rpartition("@")[2]
        self._prefix = root.relativeToPathRoot.strip("/")

    def key(self, path: str) -> str:
        """Return the key of the object at ``path`` below the prefix."""
        return f"{self._prefix}/{path}" if self._prefix else path

    @contextmanager
    def errors(self, action: str, path: str) -> Iterator[None]:
        """Turn what the service answers into an error that names the object."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise ReleaseError(
                f"cannot {action} {self.address}/{path}: {error}",
                "check S3_ENDPOINT_URL, the credentials and the bucket, then run it again",
            ) from error

    def size(self, path: str) -> int | None:
        """Return the size of an object (bytes), or None when there is none."""
        head = self._head(path)
        return None if head is None else int(head["ContentLength"])

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of an object: as the service verified it, else of the bytes read back."""
        head = self._head(path) or {}
        known = head.get("ChecksumSHA256")
        # A checksum of checksums ("…-3") of a multipart upload says nothing about the whole.
        if known and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in known:
            return base64.b64decode(known).hex()
        digest = hashlib.sha256()
        with self.errors("read", path):
            body = self._client.get_object(Bucket=self._bucket, Key=self.key(path))["Body"]
            for block in body.iter_chunks(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a small object, or None when there is none."""
        if self._head(path) is None:
            return None
        with self.errors("read", path):
            return bytes(self._client.get_object(Bucket=self._bucket, Key=self.key(path))["Body"].read())

    def download(self, path: str, target: Path) -> None:
        """Write an object's bytes to a local file."""
        with self.errors("read", path), open(target, "wb") as stream:
            body = self._client.get_object(Bucket=self._bucket, Key=self.key(path))["Body"]
            for block in body.iter_chunks(_BLOCK):
                stream.write(block)

    def put(self, path: str, body: Any, sha256: str, *, replace: bool = False) -> bool:
        """Write an object; return False when one is there that may not be replaced."""
        from botocore.exceptions import ClientError

        condition = {} if replace else {"IfNoneMatch": "*"}
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self.errors("write", path):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self.key(path),
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=checksum,
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return False
                raise
        return True

    def _head(self, path: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        with self.errors("find", path):
            try:
                return dict(
                    self._client.head_object(Bucket=self._bucket, Key=self.key(path), ChecksumMode="ENABLED")
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                    return None
                raise


class S3Bundle(Bundle):
    """A bundle in object storage.

    Parameters
    ----------
    location
        ``s3://bucket/prefix/calibs.20240405a``.

    Raises
    ------
    ReleaseError
        There is no complete bundle, its manifest is damaged, or the service cannot be reached.
    """

    def __init__(self, location: Location) -> None:
        self._store = _Prefix(location.path)
        text = self._store.read(MANIFEST_NAME)
        if text is None:
            raise ReleaseError(
                f"there is no complete bundle at {location}: it has no {MANIFEST_NAME}",
                "export it (again); the manifest is written last",
            )
        super().__init__(location.path, Manifest.from_json(text, where=f"{location}/{MANIFEST_NAME}"))

    def problems(self, checksums: ChecksumCache) -> tuple[str, ...]:
        """Say which objects are missing or differ, by the checksums that the service verified on arrival.

        Notes
        -----
        The bytes themselves are checked when they are fetched.
        """
        found = (_difference(self._store, file) for file in self.manifest.files())
        return tuple(
            f"{file.path} {difference}"
            for file, difference in zip(self.manifest.files(), found, strict=True)
            if difference
        )

    @contextmanager
    def local(self, file: BundleFile) -> Iterator[Path]:
        """Give a temporary copy of an object, whose bytes have been checked."""
        with tempfile.TemporaryDirectory(prefix="calprod-fetch-") as folder:
            path = Path(folder) / Path(file.path).name
            self._store.download(file.path, path)
            if path.stat().st_size != file.size or sha256_of(path) != file.sha256:
                raise ReleaseError(
                    f"{self.address}/{file.path} was damaged at rest or on the way",
                    "run it again, or export it again",
                )
            yield path


def publish_to_s3(bundle: Bundle, parent: Location, *, checkpoint: Checkpoint = no_checkpoint) -> Publication:
    """Copy a bundle to ``parent/<name>`` in object storage, where its manifest is written last.

    Parameters
    ----------
    bundle
        What to copy.
    parent
        ``s3://bucket/prefix`` that holds bundles.
    checkpoint
        Called before each step.

    Raises
    ------
    ReleaseError
        Another release has that name, complete or not, or the service failed.

    Notes
    -----
    Every object is written on condition that none is there, so two exporters can never mix their files.
    What is there already with the right size and checksum is kept.
    """
    manifest = bundle.manifest
    place = parent.child(manifest.name)
    store, digest = _Prefix(place.path), manifest.digest()
    there = store.read(MANIFEST_NAME)
    if there is not None:
        found = Manifest.from_json(there, where=f"{place}/{MANIFEST_NAME}").digest()
        if found != digest:
            raise ReleaseError(
                f"{place} exists and holds another release (manifest {found[:12]}…, not {digest[:12]}…)",
                "a bundle is never overwritten: release under another certification rerun",
            )
    written = kept = size = 0
    for file in manifest.files():
        if _difference(store, file) is None:
            kept += 1
            continue
        checkpoint(f"copy {file.path}")
        _upload(bundle, store, file, repair=there is not None)
        written, size = written + 1, size + file.size
    if there is None:
        checkpoint("write manifest")
        _upload_manifest(store, manifest)
        written += 1
        checkpoint("bundle shown")
    return Publication(place.path, digest, written, kept, size)


def _upload(bundle: Bundle, store: _Prefix, file: BundleFile, *, repair: bool) -> None:
    """Write one file, and check what arrived."""
    if file.size > _LARGEST:
        raise ReleaseError(f"{file.path} has {file.size} bytes, more than object storage takes in one piece")
    with bundle.local(file) as source, open(source, "rb") as stream:
        if sha256_of(source) != file.sha256:
            raise ReleaseError(f"{source} changed since the bundle was described", "run the export again")
        accepted = store.put(file.path, stream, file.sha256, replace=repair)
    difference = _difference(store, file)
    if difference is not None:
        reason = (
            "did not arrive whole" if accepted else "belongs to another, unfinished release of the same name"
        )
        raise ReleaseError(
            f"{store.address}/{file.path} {reason}: it {difference}",
            "run the export again"
            if accepted
            else "release under another certification rerun, or remove the leftovers",
        )


def _upload_manifest(store: _Prefix, manifest: Manifest) -> None:
    """Write the manifest, unless another exporter has just written a different one."""
    text = manifest.to_json().encode()
    store.put(MANIFEST_NAME, text, hashlib.sha256(text).hexdigest())
    if store.read(MANIFEST_NAME) != text:
        raise ReleaseError(
            f"{store.address} was taken by another release while this one was written",
            "release under another certification rerun",
        )


def _difference(store: _Prefix, file: BundleFile) -> str | None:
    """Say how an object differs from what it should be; None when it is right."""
    size = store.size(file.path)
    if size is None:
        return "is missing"
    if size != file.size:
        return f"has {size} bytes, expected {file.size}"
    if store.sha256(file.path) != file.sha256:
        return "has another checksum"
    return None
