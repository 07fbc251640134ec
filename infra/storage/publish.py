"""Writing and opening bundles, wherever they are."""

from pathlib import Path

from infra.storage.bundle import Bundle, Checkpoint, Publication, no_checkpoint, parse_location
from infra.storage.checksums import ChecksumCache
from infra.storage.folder import FolderBundle, publish_to_folder
from infra.storage.s3 import S3Bundle, publish_to_s3

__all__ = ["open_bundle", "publish"]


def publish(
    bundle: Bundle,
    destination: str,
    *,
    checksums: ChecksumCache | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> Publication:
    """Copy a bundle to ``destination/<name>``; repeating it does nothing, a killed one is taken up again.

    Parameters
    ----------
    bundle
        What to copy.
    destination
        Folder, ``file://`` or ``s3://bucket/prefix`` address that holds bundles.
    checksums
        Checksums known so far.
    checkpoint
        Called before each step.

    Raises
    ------
    ReleaseError
        Another release has that name, or the destination failed.
    """
    location = parse_location(destination)
    if location.scheme == "s3":
        return publish_to_s3(bundle, location, checkpoint=checkpoint)
    if checksums is not None:
        return publish_to_folder(bundle, Path(location.path), checksums, checkpoint=checkpoint)
    with ChecksumCache.open() as own:
        return publish_to_folder(bundle, Path(location.path), own, checkpoint=checkpoint)


def open_bundle(address: str) -> Bundle:
    """Open the bundle at a folder, ``file://`` or ``s3://`` address.

    Raises
    ------
    ReleaseError
        There is no complete bundle there, or its manifest is damaged.
    """
    location = parse_location(address)
    return S3Bundle(location) if location.scheme == "s3" else FolderBundle(Path(location.path))
