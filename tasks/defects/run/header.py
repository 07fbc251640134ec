"""Header of a table of defects: what was searched, of which exposures it was made, what was found."""

from collections.abc import Mapping
from datetime import datetime

from infra.images import CalibrationImage, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import common_cards, fits_date
from tasks.combine.table_metadata import STATE_CARDS, TableKind, identity_cards
from tasks.defects.steps.model import DefectMap, ImageType

__all__ = ["HEIGHT_CARD", "WIDTH_CARD", "defects_header"]

WIDTH_CARD, HEIGHT_CARD = "CALPROD DEFECTS WIDTH", "CALPROD DEFECTS HEIGHT"
"""Cards with the size of the image (pixel), which a table of boxes does not tell."""

_KIND = TableKind("DEFECTS", "", 2.0, "lsst.ip.isr.defects.Defects")


def defects_header(
    defects: DefectMap,
    images: Mapping[ImageType, CalibrationImage],
    *,
    instrument: str,
    layout: DetectorLayout,
    created: datetime,
    provenance: Metadata,
) -> Metadata:
    """Cards of a table of defects.

    Parameters
    ----------
    defects
        Supplies the counts: ``LSST CALIB DEFECTS N_BAD_COLUMNS``, ``LSST CALIB DEFECTS <amp> N_HOT|N_COLD``.
    images
        The combined images that were searched.
    instrument, layout
        The camera and its detector.
    created
        Moment of creation, with a time zone.
    provenance
        Cards that name the datasets of the images.

    Returns
    -------
    cards
        Also the exposures that the images were made from (``CPP_INPUT_*``), the time they span, and the state
        of the camera that they agree on. Defects belong to no filter: FILTER is NONE (Rubin cp_pipe).
    """
    headers = [image.metadata for image in images.values()]
    shared = {key: value for key, value in common_cards(headers).items() if key in STATE_CARDS}
    cards = {
        **shared,
        **_times(headers),
        **_exposures(headers),
        **identity_cards(_KIND, instrument=instrument, layout=layout, created=created),
        "FILTER": "NONE",
        **provenance,
        **defects.cards(),
        WIDTH_CARD: layout.image_shape[1],
        HEIGHT_CARD: layout.image_shape[0],
    }
    return {key: value for key, value in finite_cards(cards).items() if value is not None}


def _times(headers: list[Metadata]) -> Metadata:
    """Cards of the time (TAI) that the exposures of all images span."""
    begins = [float(value) for one in headers if isinstance(value := one.get("MJD-BEG"), int | float)]
    ends = [float(value) for one in headers if isinstance(value := one.get("MJD-END"), int | float)]
    if not (begins and ends):
        return {}
    begin, end = min(begins), max(ends)
    cards: Metadata = {"TIMESYS": "TAI"}
    for name, mjd in {"OBS": begin, "BEG": begin, "AVG": 0.5 * (begin + end), "END": end}.items():
        cards[f"DATE-{name}"] = fits_date(mjd)
        cards[f"MJD-{name}"] = mjd
    return cards


def _exposures(headers: list[Metadata]) -> Metadata:
    """Cards that name the exposures of all images, numbered anew, each once."""
    cards: Metadata = {}
    seen: set[object] = set()
    for header in headers:
        i = 0
        while (exposure := header.get(f"CPP_INPUT_{i}")) is not None:
            if exposure not in seen:
                for part in ("", "DATE_", "EXPT_"):
                    cards[f"CPP_INPUT_{part}{len(seen)}"] = header.get(f"CPP_INPUT_{part}{i}")
                seen.add(exposure)
            i += 1
    return cards
