"""The two flats of a correction of the gains: chosen when the work is planned, checked when they are read."""

from collections.abc import Iterable
from dataclasses import dataclass

from lsst.daf.butler import DatasetRef
from lsst.pipe.base import NoWorkFound

from infra.errors import CalprodError
from infra.images import CalibrationImage, Metadata

__all__ = ["FlatPair", "check_new_flat", "choose_flats", "provenance"]


@dataclass(frozen=True, slots=True)
class FlatPair:
    """A new flat and the one that it is held against."""

    new: DatasetRef
    reference: DatasetRef


def choose_flats(
    new: Iterable[DatasetRef], references: Iterable[DatasetRef], physical_filter: str | None, work: str
) -> FlatPair:
    """Choose two flats of one filter.

    Parameters
    ----------
    new, references
        The flats at hand, one for each filter.
    physical_filter
        The filter that is wanted; None for that of the only new flat.
    work
        What is to be made, for the message.

    Raises
    ------
    NoWorkFound
        There is no new flat.
    CalprodError
        There are several and none is named, or there is no reference of the same filter.
    """
    flats = {str(ref.dataId["physical_filter"]): ref for ref in new}
    if not flats:
        raise NoWorkFound(f"{work} needs a new flat, and there is none")
    if physical_filter is None and len(flats) > 1:
        raise CalprodError(
            f"{work} has new flats of {' and of '.join(sorted(flats))}",
            "say which with physical_filter, or choose exposures of one filter",
        )
    wanted = physical_filter or next(iter(flats))
    if wanted not in flats:
        raise CalprodError(
            f"{work} needs a new flat of {wanted}, and has one of {' and of '.join(sorted(flats))}",
            f"take flats in {wanted}, or configure physical_filter",
        )
    known = {str(ref.dataId["physical_filter"]): ref for ref in references}
    if wanted not in known:
        others = f", only of {' and of '.join(sorted(known))}" if known else ""
        raise CalprodError(
            f"{work} holds a new flat of {wanted} against an earlier one, and there is none{others}",
            f"certify a flat of {wanted} first, or search its RUN",
        )
    return FlatPair(flats[wanted], known[wanted])


def check_new_flat(flat: CalibrationImage, ptc: DatasetRef) -> None:
    """Refuse a new flat whose gains are not those that are to be corrected.

    Parameters
    ----------
    flat
        The new flat, whose header names the calibrations it was made with.
    ptc
        The photon transfer curve whose gains are to be corrected.

    Raises
    ------
    CalprodError
        It was made with the gains of another curve, or with gains corrected already.
    """
    made_with = flat.metadata.get("LSST CALIB UUID PTC")
    if made_with not in (None, "", str(ptc.id)):
        raise CalprodError(
            f"the new flat was made with the gains of ptc {made_with}, and those of {ptc.id} of {ptc.run} "
            "are to be corrected",
            "make the flat with the curve that is in use, or search the RUN of the other one",
        )
    if flat.metadata.get("LSST CALIB UUID GAIN_CORRECTION"):
        raise CalprodError(
            "the new flat was made with gains that are corrected already", "make it without gain_correction"
        )


def provenance(refs: Iterable[tuple[str, DatasetRef, Metadata]]) -> Metadata:
    """Cards that name datasets: RUN, UUID and moment of creation.

    Parameters
    ----------
    refs
        Name in the cards, dataset and its header.
    """
    cards: Metadata = {}
    for name, ref, header in refs:
        cards[f"LSST CALIB RUN {name}"] = ref.run
        cards[f"LSST CALIB UUID {name}"] = str(ref.id)
        cards[f"LSST CALIB DATE {name}"] = header.get("CALIB_CREATION_DATETIME", header.get("CALIBDATE"))
    return cards
