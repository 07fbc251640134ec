"""What a bundle holds: its manifest, written last, which names and checks every byte."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.errors import ReleaseError
from infra.files import canonical_json

__all__ = [
    "EXPORT_NAME",
    "MANIFEST_NAME",
    "BundleFile",
    "CertifiedEntry",
    "ChainEntry",
    "DatasetEntry",
    "DatasetTypeEntry",
    "DetectorEntry",
    "FilterEntry",
    "InstrumentEntry",
    "Manifest",
    "bundle_name",
]

MANIFEST_NAME = "manifest.json"
EXPORT_NAME = "export.yaml"
_SCHEMA: Literal["calprod.bundle/1"] = "calprod.bundle/1"


def bundle_name(cert_rerun: str) -> str:
    """Return the name of a bundle's folder, as DMTN-222 has it: ``calibs.20240405a``."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", cert_rerun):
        raise ReleaseError(
            f"'{cert_rerun}' cannot name a bundle", "use YYYYMMDD and a letter, such as 20240405a"
        )
    return f"calibs.{cert_rerun}"


def _relative(path: str) -> str:
    """Refuse a path that could lead out of the bundle's folder."""
    parts = path.split("/")
    if not path or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"'{path}' is not a plain relative path")
    if parts[0].endswith(":") or PurePosixPath(path).is_absolute():
        raise ValueError(f"'{path}' is not a relative path")
    if path == MANIFEST_NAME:
        raise ValueError(f"'{path}' is the manifest's own name")
    return path


RelativePath = Annotated[str, AfterValidator(_relative)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BundleFile(_Entry):
    """A file of the bundle."""

    path: RelativePath
    """Where it is, relative to the bundle, with ``/`` between folders."""
    size: Size
    """Size in bytes."""
    sha256: Sha256
    """SHA-256 of its bytes, as 64 hexadecimal digits."""


class InstrumentEntry(_Entry):
    """The instrument, as the Butler of origin has it."""

    name: str
    class_name: str
    visit_max: int
    exposure_max: int
    detector_max: int
    visit_system: int | None = None


class DetectorEntry(_Entry):
    """A detector that the bundle has calibrations for."""

    id: int
    full_name: str
    name_in_raft: str | None = None
    raft: str | None = None
    purpose: str | None = None
    serial: str | None = None
    """Serial number of the CCD; None where neither the camera nor the calibrations tell it."""


class FilterEntry(_Entry):
    """A filter that the bundle has calibrations for."""

    name: str
    band: str | None = None


class DatasetTypeEntry(_Entry):
    """A dataset type, as it is registered at the origin."""

    name: str
    dimensions: tuple[str, ...]
    """Required dimensions, in the Butler's order."""
    storage_class: str
    is_calibration: bool = True


class DatasetEntry(BundleFile):
    """A dataset and its file."""

    uuid: UUID
    dataset_type: str
    run: str
    data_id: dict[str, int | str]
    """Value of every required dimension."""
    storage_class: str
    formatter: str
    """Full name of the Butler formatter that reads the file."""


class CertifiedEntry(_Entry):
    """A dataset valid during a range, within a CALIBRATION collection."""

    collection: str
    uuid: UUID
    begin: int | None = None
    """First moment (TAI nanoseconds since 1970-01-01T00:00:00 TAI); None when there is no lower bound."""
    end: int | None = None
    """First moment no longer covered (TAI nanoseconds, as ``begin``); None when open."""


class ChainEntry(_Entry):
    """The ticket chain with its children in search order."""

    name: str
    children: tuple[str, ...]


class Manifest(_Entry):
    """Everything about a bundle. The file is published last: a bundle without it does not exist yet.

    Notes
    -----
    Nothing in it depends on when or where the bundle was made, so the same release gives the same bytes.
    """

    schema_version: Literal["calprod.bundle/1"] = _SCHEMA
    name: str
    """Name of the bundle, such as ``calibs.20240405a``."""
    campaign: str | None = None
    """Campaign the calibrations come from."""
    decision_digest: str | None = None
    """Digest that the approval is bound to."""
    universe: str
    """Namespace and version of the dimension universe at the origin, such as ``daf_butler:8``."""
    instrument: InstrumentEntry
    detectors: tuple[DetectorEntry, ...]
    filters: tuple[FilterEntry, ...]
    dataset_types: tuple[DatasetTypeEntry, ...]
    datasets: tuple[DatasetEntry, ...]
    certifications: tuple[CertifiedEntry, ...]
    chain: ChainEntry
    attachments: tuple[BundleFile, ...] = ()
    """Further files: the Butler's own ``export.yaml``, a report, a replay script."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        """Refuse a manifest that names a file or dataset twice, or something it does not hold."""
        for what, values in (
            ("path", [file.path for file in self.files()]),
            ("dataset", [str(dataset.uuid) for dataset in self.datasets]),
        ):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} occurs twice")
        types, uuids = {entry.name for entry in self.dataset_types}, {entry.uuid for entry in self.datasets}
        collections = {entry.collection for entry in self.certifications}
        for dataset in self.datasets:
            if dataset.dataset_type not in types:
                raise ValueError(f"dataset {dataset.uuid} is of an undescribed type '{dataset.dataset_type}'")
        for certified in self.certifications:
            if certified.uuid not in uuids:
                raise ValueError(
                    f"{certified.collection} certifies {certified.uuid}, which is not in the bundle"
                )
        if missing := set(self.chain.children) - collections:
            raise ValueError(f"chain {self.chain.name} names {min(missing)}, which is not in the bundle")
        return self

    def files(self) -> Iterator[BundleFile]:
        """Yield every file but the manifest itself, datasets first."""
        yield from self.datasets
        yield from self.attachments

    def size(self) -> int:
        """Return the size of all files but the manifest (bytes)."""
        return sum(file.size for file in self.files())

    def digest(self) -> str:
        """Return the SHA-256 of the content, which the file repeats as ``manifest_sha256``."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json")).encode()).hexdigest()

    def to_json(self) -> str:
        """Return the file's text, with its own digest inside."""
        content = {**self.model_dump(mode="json"), "manifest_sha256": self.digest()}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> "Manifest":
        """Read the file's text.

        Parameters
        ----------
        text
            Content of ``manifest.json``.
        where
            Address, for messages.

        Raises
        ------
        ReleaseError
            It is not a manifest, was changed after it was written, or names a path outside the bundle.
        """
        try:
            content: Any = json.loads(text)
            if not isinstance(content, dict):
                raise TypeError("it is not a JSON object")
            written = content.pop("manifest_sha256", None)
            schema = content.get("schema_version")
            if schema != _SCHEMA:
                raise ReleaseError(
                    f"{where} has schema '{schema}', this version of calprod reads '{_SCHEMA}'",
                    "use the calprod that made the bundle, or a newer one",
                )
            manifest = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ReleaseError(
                f"{where}: {place}: {first['msg']}", "the bundle is damaged or forged; fetch it again"
            ) from error
        except (ValueError, TypeError) as error:
            raise ReleaseError(
                f"{where} is not a manifest: {error}", "the bundle is damaged; fetch it again"
            ) from error
        if written != manifest.digest():
            raise ReleaseError(
                f"{where} was changed after it was written: its digest does not match",
                "fetch the bundle again",
            )
        return manifest
