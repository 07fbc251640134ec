"""Serial numbers of the CCDs that calibrations were made with, as their headers tell them."""

from collections.abc import Collection, Iterable
from itertools import takewhile
from pathlib import Path
from uuid import UUID

from astropy.io import fits
from astropy.table.meta import YamlParseError, get_header_from_yaml
from lsst.daf.butler import Butler

from infra.butler.ranges import associations, flattened

__all__ = ["file_serial", "serials_in_use"]

_CARD = "DET_SER"


def file_serial(path: Path) -> str | None:
    """Return the CCD's serial number from a calibration's header; None where the file does not tell it."""
    if path.name.endswith(".ecsv"):
        return _table_serial(path)
    if not path.name.endswith((".fits", ".fits.gz", ".fits.fz")):
        return None
    try:
        with fits.open(path) as hdus:
            for hdu in hdus[:2]:
                if serial := str(hdu.header.get(_CARD) or "").strip():
                    return serial
    except OSError:
        # Whether the file is whole is for the checksums to say.
        return None
    return None


def serials_in_use(
    butler: Butler, chain: str, detectors: Iterable[int], *, ignore: Collection[UUID] = ()
) -> dict[int, str]:
    """Return the serial number that a site's present calibrations were made with, per detector.

    Parameters
    ----------
    butler
        Repository of the site.
    chain
        Chain its users read, such as ``LATISS/calib``.
    detectors
        Detectors wanted; those without a calibration that tells its serial are left out.
    ignore
        Datasets to pass over, such as those of a bundle that is to be compared with the rest.
    """
    wanted, found = set(detectors), dict[int, str]()
    for collection in flattened(butler, chain):
        others = (pair for pair in associations(butler, collection) if pair[0].id not in ignore)
        newest_first = sorted(others, key=lambda pair: pair[1].validity.begin or 0, reverse=True)
        for ref, _ in newest_first:
            detector = ref.dataId.required.get("detector")
            if not isinstance(detector, int) or detector not in wanted or detector in found:
                continue
            if not butler.stored(ref):
                continue
            uri = butler.getURI(ref)
            if uri.exists():
                with uri.as_local() as local:
                    if serial := file_serial(Path(local.ospath)):
                        found[detector] = serial
        if wanted <= set(found):
            break
    return found


def _table_serial(path: Path) -> str | None:
    """Return the serial number in the metadata of an ECSV table, without reading its rows."""
    try:
        with path.open(encoding="utf-8") as lines:
            header = [line[2:].rstrip("\n") for line in takewhile(lambda line: line.startswith("#"), lines)]
        meta = dict(get_header_from_yaml(header[1:]).get("meta", {}))
    except (OSError, UnicodeDecodeError, YamlParseError):
        return None
    return str(meta.get(_CARD) or "").strip() or None
