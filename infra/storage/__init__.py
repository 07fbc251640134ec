"""Bundles of calibrations in folders and object storage, with checksums and permissions."""

from infra.storage.bundle import Bundle, Checkpoint, Publication, no_checkpoint
from infra.storage.checksums import ChecksumCache
from infra.storage.manifest import BundleFile, Manifest, bundle_name
from infra.storage.permissions import Permissions
from infra.storage.publish import open_bundle, publish

__all__ = [
    "Bundle",
    "BundleFile",
    "Checkpoint",
    "ChecksumCache",
    "Manifest",
    "Permissions",
    "Publication",
    "bundle_name",
    "no_checkpoint",
    "open_bundle",
    "publish",
]
