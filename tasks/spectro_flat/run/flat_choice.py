"""Which of a detector's flats the flat of a spectrograph is made from."""

from collections.abc import Iterable

from lsst.daf.butler import DatasetRef
from lsst.pipe.base import NoWorkFound

from infra.errors import CalprodError

__all__ = ["flat_of_filter"]


def flat_of_filter(refs: Iterable[DatasetRef], physical_filter: str, work: str) -> DatasetRef:
    """Choose the flat of one filter.

    Parameters
    ----------
    refs
        The flats at hand, one for each filter.
    physical_filter
        The filter that is wanted.
    work
        What is to be made, for the message.

    Raises
    ------
    NoWorkFound
        There is no flat at all.
    CalprodError
        There are flats, and all of other filters.
    """
    flats = {str(ref.dataId["physical_filter"]): ref for ref in refs}
    if not flats:
        raise NoWorkFound(f"{work} is made from a flat of {physical_filter}, and there is no flat")
    if physical_filter not in flats:
        raise CalprodError(
            f"{work} is made from a flat of {physical_filter}, and the flat at hand is of "
            f"{' and of '.join(sorted(flats))}",
            f"make a flat of {physical_filter}, or configure physical_filter",
        )
    return flats[physical_filter]
