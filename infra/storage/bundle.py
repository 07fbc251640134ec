"""Bundles: calibrations with a manifest, the same to read wherever they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.errors import UsageError
from infra.storage.checksums import ChecksumCache
from infra.storage.manifest import BundleFile, Manifest

__all__ = ["Bundle", "Checkpoint", "Location", "Publication", "no_checkpoint", "parse_location"]

Checkpoint = Callable[[str], None]
"""Called with the name of each step before the step's next write; tests stop the process there."""


def no_checkpoint(step: str) -> None:
    """Go on: what happens at every step outside the tests."""


class Bundle(ABC):
    """A manifest and the files it names, in a repository, a folder or a bucket."""

    def __init__(self, address: str, manifest: Manifest) -> None:
        self._address = address
        self._manifest = manifest

    @property
    def address(self) -> str:
        """Where the bundle is, for people and for the record."""
        return self._address

    @property
    def manifest(self) -> Manifest:
        """What the bundle holds."""
        return self._manifest

    @abstractmethod
    def problems(self, checksums: ChecksumCache) -> tuple[str, ...]:
        """Say which files are missing or have another size or checksum than the manifest says."""

    @abstractmethod
    def local(self, file: BundleFile) -> AbstractContextManager[Path]:
        """Give a path on this machine at which the bytes of ``file`` can be read while the block lasts."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a bundle did."""

    address: str
    """Where the bundle is."""
    manifest_digest: str
    """SHA-256 of the manifest's content."""
    written: int
    """Files written this time, the manifest included; 0 when the same bundle was there already."""
    kept: int
    """Files found there with the right size and checksum."""
    bytes_written: int
    """Bytes written this time, without the manifest's."""

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.written > 0


@dataclass(frozen=True, slots=True)
class Location:
    """A folder or a place in a bucket."""

    scheme: str
    """``file`` or ``s3``."""
    path: str
    """The folder's path, or the whole ``s3://bucket/prefix`` without a last slash."""

    def child(self, name: str) -> "Location":
        """Return the place called ``name`` within this one."""
        return Location(self.scheme, f"{self.path.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.path


def parse_location(address: str) -> Location:
    """Read a path, a ``file://`` or an ``s3://`` address.

    Raises
    ------
    UsageError
        The address has another scheme, or names no bucket or another host.
    """
    parts = urlsplit(address)
    if parts.scheme == "s3":
        if not parts.netloc:
            raise UsageError(f"'{address}' names no bucket", "write s3://bucket/prefix")
        return Location("s3", address.rstrip("/"))
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Location("file", str(Path(unquote(parts.path)).absolute()))
    if parts.scheme == "" and address:
        return Location("file", str(Path(address).absolute()))
    raise UsageError(
        f"'{address}' is no place for a bundle", "write a folder, file:///folder or s3://bucket/prefix"
    )
