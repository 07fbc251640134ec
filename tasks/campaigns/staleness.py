"""Which certified calibrations are out of date: something they rest on has been made anew since."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsst.daf.butler import Butler

from infra.butler.ranges import DataId, VisiblePart, format_data_id, timeline
from infra.butler.validity import Validity
from infra.settings import Dependencies

__all__ = ["OutOfDate", "out_of_date"]

_MADE = re.compile(r"/(\d{8})(?:T(\d{6})Z)?(?=/|$)")


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """A certified calibration that should be made anew."""

    calibration: str
    """Dataset type."""
    data_id: DataId
    """Which of its datasets."""
    run: str
    """RUN it was made in."""
    source: str
    """Dataset type of what was made anew."""
    source_run: str
    """RUN the new one was made in."""
    validity: Validity
    """When both are looked up, and do not belong together."""

    def __str__(self) -> str:
        return (
            f"{self.calibration} of {format_data_id(self.data_id)} ({self.run}) is older than the"
            f" {self.source} that holds with it ({self.source_run}), {self.validity.describe()}"
        )


def out_of_date(butler: Butler, chain: str, graph: Dependencies) -> tuple[OutOfDate, ...]:
    """Find every calibration of a chain that rests on something which a newer version has replaced.

    Parameters
    ----------
    butler
        Repository to ask.
    chain
        Chain to search, such as ``LATISS/calib``.
    graph
        What rests on what.

    Returns
    -------
    tuple of OutOfDate
        In the order of the graph. One that was superseded together with its sources is not among them: only
        what a lookup finds at one and the same time is compared.

    Notes
    -----
    When a dataset was made is told by the name of its RUN: all runs of ``pipetask`` and calprod end in the
    time, which one campaign's RUNs share, and curated ones hold the day. Of a RUN without either nothing is
    known, and nothing is said.
    """
    found: dict[str, list[_Made]] = {}
    for part in timeline(butler, chain, graph.calibrations):
        run = _run(butler, part)
        if run is not None and (when := _made(run)) is not None:
            found.setdefault(part.certified.dataset_type, []).append(_Made(part, run, when))
    return tuple(
        one
        for calibration in graph.calibrations
        for mine in found.get(calibration, ())
        for source in graph.sources(calibration)
        for one in _newer(calibration, mine, source, found.get(source, []))
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What a lookup finds, and when it was made."""

    part: VisiblePart
    run: str
    when: str
    """Sorts in the order of time."""


def _newer(calibration: str, mine: _Made, source: str, sources: list[_Made]) -> Iterator[OutOfDate]:
    for other in sources:
        both = mine.part.part.intersection(other.part.part)
        if both is None or other.when <= mine.when:
            continue
        if _belong_together(mine.part.certified.data_id, other.part.certified.data_id):
            yield OutOfDate(calibration, mine.part.certified.data_id, mine.run, source, other.run, both)


def _belong_together(first: DataId, second: DataId) -> bool:
    """Tell whether two data IDs agree in every dimension that both have."""
    other = dict(second)
    return all(other.get(name, value) == value for name, value in first)


def _run(butler: Butler, part: VisiblePart) -> str | None:
    ref = butler.get_dataset(part.certified.uuid)
    return None if ref is None else ref.run


def _made(run: str) -> str | None:
    """Return when a RUN was made, as its name tells; a bare date counts as the day's beginning."""
    found = _MADE.findall(run)
    return f"{found[-1][0]}T{found[-1][1] or '000000'}" if found else None
