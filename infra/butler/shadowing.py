"""What putting a new calibration first in a chain would hide."""

from collections.abc import Collection, Iterable

from lsst.daf.butler import Butler

from infra.butler.ranges import DataId, VisiblePart, format_data_id, timeline
from infra.butler.validity import Validity
from infra.errors import ReleaseError

__all__ = ["refuse_shadowing", "shadowing"]


def shadowing(
    butler: Butler,
    chain: str,
    dataset_type: str,
    validity: Validity,
    *,
    data_ids: Collection[DataId] | None = None,
    ignore: Iterable[str] = (),
) -> tuple[VisiblePart, ...]:
    """Return what lookups find today and would no longer find after a calibration is put first.

    Parameters
    ----------
    butler
        Repository to ask.
    chain
        Chain that the calibration would be put in front of.
    dataset_type
        Its type.
    validity
        When it is to be valid.
    data_ids
        Its data IDs; all by default.
    ignore
        Collections to pass over, such as the calibration's own when it is already certified.

    Returns
    -------
    tuple of VisiblePart
        The parts that would be hidden. Hiding older calibrations from a date on is the purpose of a new one;
        hiding one that begins later is what `refuse_shadowing` guards against.
    """
    hidden = []
    for found in timeline(butler, chain, (dataset_type,), ignore=ignore):
        if data_ids is not None and found.certified.data_id not in data_ids:
            continue
        part = found.part.intersection(validity)
        if part is not None:
            hidden.append(VisiblePart(found.certified, part))
    return tuple(hidden)


def refuse_shadowing(
    butler: Butler,
    chain: str,
    data_ids: Iterable[tuple[str, DataId]],
    validity: Validity,
    *,
    ignore: Iterable[str] = (),
) -> tuple[VisiblePart, ...]:
    """Return what would be hidden, unless an open-ended range would hide calibrations that begin later.

    Parameters
    ----------
    butler
        Repository to ask.
    chain
        Chain that the calibrations would be put in front of.
    data_ids
        Dataset type and data ID of each calibration.
    validity
        When they are to be valid.
    ignore
        Collections to pass over.

    Raises
    ------
    ReleaseError
        The range has no end, and something in the chain begins later: it would never be found again.
    """
    wanted: dict[str, set[DataId]] = {}
    for dataset_type, data_id in data_ids:
        wanted.setdefault(dataset_type, set()).add(data_id)
    skipped = tuple(ignore)
    hidden = tuple(
        found
        for dataset_type, ids in sorted(wanted.items())
        for found in shadowing(butler, chain, dataset_type, validity, data_ids=ids, ignore=skipped)
    )
    if validity.end is None:
        newer = [found.certified for found in hidden if _begins_later(found.certified.validity, validity)]
        if newer:
            first = min(newer, key=lambda found: found.validity.begin or 0)
            raise ReleaseError(
                f"{first.dataset_type} {format_data_id(first.data_id)} valid from "
                f"{validity.first_day() or 'the beginning'} without end would hide {len(newer)} newer "
                f"calibration{'s' if len(newer) > 1 else ''} in {chain}, the first {first}",
                f"give it a last day before {first.validity.first_day()}",
            )
    return hidden


def _begins_later(found: Validity, new: Validity) -> bool:
    return found.begin is not None and (new.begin is None or found.begin > new.begin)
