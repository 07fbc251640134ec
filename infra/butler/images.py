"""Calibration images as the Butler stores them: `lsst.images.MaskedImage` files that afw can read too.

The file keeps afw's layout: image, mask and variance in the first three extensions, the meaning of the mask
bits in ``MP_*`` cards, the calibration's cards in the primary header and again in the image header, which
is where afw looks when the image extension does not inherit.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from lsst.daf.butler import Butler, DatasetRef
from lsst.images import MaskedImage

from infra.errors import RepositoryError
from infra.images import CalibrationImage, MaskPlane, Metadata

__all__ = ["calibration_image", "image_digest", "is_volatile", "masked_image", "read_calibration", "reading"]

# lsst.images gives planes its own names; these are the ones a calibration can carry.
_PLANE_NAMES = {
    MaskPlane.BAD: "BAD",
    MaskPlane.SAT: "SATURATED",
    MaskPlane.INTRP: "INTERPOLATED",
    MaskPlane.CR: "COSMIC_RAY",
    MaskPlane.EDGE: "DETECTION_EDGE",
    MaskPlane.DETECTED: "DETECTED",
    MaskPlane.SUSPECT: "SUSPECT",
    MaskPlane.NO_DATA: "NO_DATA",
    MaskPlane.CROSSTALK: "CROSSTALK",
    MaskPlane.UNMASKEDNAN: "UNMASKED_NAN",
    MaskPlane.VIGNETTED: "VIGNETTED",
    MaskPlane.PARTLY_VIGNETTED: "PARTLY_VIGNETTED",
}
_SKY_CARD = re.compile(
    r"WCSAXES|RADESYS|EQUINOX|LONPOLE|LATPOLE|(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)\d+|(CD|PC|PV)\d+_\d+"
)
_OTHER_DATASETS = ("LSST CALIB RUN ", "LSST CALIB UUID ", "LSST CALIB DATE ")
_CREATION = ("CALIB_CREATION_DATETIME", "CALIB_CREATION_DATE", "CALIB_CREATION_TIME")


def masked_image(calibration: CalibrationImage) -> MaskedImage:
    """Return ``calibration`` as the object the Butler stores.

    Parameters
    ----------
    calibration
        Image, mask and variance, each (ny, nx), and the cards of the header.
    """
    cards = _kept_cards(calibration.metadata)
    primary = fits.PrimaryHDU()
    _add_cards(primary.header, cards)
    hdus: list[Any] = [primary]
    planes = {
        "IMAGE": calibration.image,
        "MASK": _storable(calibration.mask),
        "VARIANCE": calibration.variance,
    }
    for name, plane in planes.items():
        hdu = fits.ImageHDU(plane, name=name)
        hdu.header["LTV1"] = hdu.header["LTV2"] = 0.0
        if name == "MASK":
            _add_cards(hdu.header, {f"MP_{plane.name}": plane.bit_length() - 1 for plane in _PLANE_NAMES})
        if name == "IMAGE":
            _add_cards(hdu.header, cards)
        hdus.append(hdu)
    stored = MaskedImage.from_hdu_list(fits.HDUList(hdus), fits_wcs_frame=None)
    # The cards serve afw and people with a FITS viewer; this copy is what the published reader gives back.
    stored.metadata.update(cards)
    return stored


def calibration_image(stored: MaskedImage) -> CalibrationImage:
    """Return what `masked_image` stored, or what any other writer stored with the same planes."""
    mask = np.zeros(stored.image.array.shape, np.uint16)
    for plane, name in _PLANE_NAMES.items():
        if name in stored.mask.schema.names:
            mask |= np.where(stored.mask.get(name), np.uint16(plane), np.uint16(0))
    return CalibrationImage(
        image=np.ascontiguousarray(stored.image.array, np.float32),
        mask=mask,
        variance=np.ascontiguousarray(stored.variance.array, np.float32),
        metadata=dict(stored.metadata),
    )


@contextmanager
def reading(ref: DatasetRef) -> Iterator[None]:
    """Turn whatever a reader raises over a damaged file into an error that names the dataset.

    Raises
    ------
    RepositoryError
        The block failed.
    """
    try:
        yield
    except Exception as error:  # what a reader raises depends on where the damage is
        raise RepositoryError(
            f"{ref.datasetType.name} {ref.id} of {ref.run} cannot be read: {error}",
            "restore its file from a bundle or a site, or make it anew with: calprod run --new",
        ) from error


def read_calibration(butler: Butler, ref: DatasetRef) -> CalibrationImage:
    """Read a calibration from a repository.

    Raises
    ------
    RepositoryError
        Its file is missing or damaged.
    """
    with reading(ref):
        return calibration_image(butler.get(ref))


def is_volatile(key: str) -> bool:
    """Tell whether a card differs when the same is made again: times of creation, names of other datasets."""
    return key in _CREATION or key.startswith(_OTHER_DATASETS)


def image_digest(calibration: CalibrationImage) -> str:
    """Return the sha256 of pixels and header, without the time of creation.

    Two runs over the same raws with the same code and configuration give the same digest, whichever day
    they ran on and whatever identifiers the Butler gave their datasets.
    """
    digest = hashlib.sha256()
    for plane in (calibration.image, calibration.mask, calibration.variance):
        digest.update(f"{plane.dtype.str}{plane.shape}".encode())
        digest.update(np.ascontiguousarray(plane).tobytes())
    for key, value in sorted(calibration.metadata.items()):
        if not is_volatile(key):
            digest.update(f"{key}={value!r}\n".encode())
    return digest.hexdigest()


def _storable(mask: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
    """Keep the planes the file format knows: all but DETECTED_NEGATIVE, which no calibration carries."""
    return (mask & np.uint16(sum(_PLANE_NAMES))).astype(np.int32)


def _kept_cards(metadata: Metadata) -> Metadata:
    """Leave out cards without a value, and those of a sky that a combined calibration does not look at."""
    return {
        key: value for key, value in metadata.items() if value is not None and not _SKY_CARD.fullmatch(key)
    }


def _add_cards(header: fits.Header, cards: Metadata) -> None:
    """Write cards, as HIERARCH where the key is longer than eight characters or holds spaces."""
    for key, value in cards.items():
        plain = len(key) <= 8 and " " not in key
        if isinstance(value, float) and not np.isfinite(value):
            value = str(value)  # FITS has no card for NaN or infinity
        header[key if plain else f"HIERARCH {key}"] = value
