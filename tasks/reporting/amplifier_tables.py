"""Tables of one detector: amplifiers down, tests across, the worst result in each cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reporting.amplifiers import AmplifierTest, Count, severity_margin
from tasks.reporting.words import limits, number
from tasks.verification.model import FAILED_AMPLIFIERS, Outcome, Severity

__all__ = ["AmplifierTable", "Cell", "Column", "amplifier_table", "cell_of", "name_of"]
__all__ += ["whole_detector"]


@dataclass(frozen=True, slots=True)
class Column:
    """One test."""

    test: str
    unit: str
    """Unit of values and limits; empty for a ratio, or where there is no value."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The worst result of one test of one amplifier."""

    tone: str
    """``good``, ``warn``, ``bad``, ``waived``, ``unknown`` or ``none``."""
    outcome: str
    """In words."""
    value: str
    limits: str
    counts: tuple[str, ...]
    """How many are bad of how many, by group of exposures; empty when none is."""
    where: str
    """Exposure of the worst result; empty when nothing is wrong."""
    reason: str
    fill: int | None
    """How much of the allowed range is used up, percent, at most 100; None when unknown."""


@dataclass(frozen=True, slots=True)
class AmplifierTable:
    """The table of one detector."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    """Name of the amplifier and a cell per column; None where it was not tested so."""
    complete: bool
    """Whether passes stand in it too."""


def amplifier_table(tests: Sequence[AmplifierTest]) -> AmplifierTable | None:
    """Return the table of one detector's amplifiers in exposures, None when none was tested.

    Parameters
    ----------
    tests
        Worst results of one detector; those of the calibration itself are passed over.
    """
    columns: dict[str, Column] = {}
    rows: dict[str, dict[str, Cell]] = {}
    own = [test for test in tests if test.worst.amplifier is not None and test.worst.subject == "exposure"]
    for test in own:
        worst = test.worst
        known = columns.get(worst.test)
        columns[worst.test] = Column(worst.test, (known.unit if known else "") or worst.unit)
        rows.setdefault(worst.amplifier or "", {})[worst.test] = cell_of(test)
    if not rows:
        return None
    return AmplifierTable(
        tuple(columns.values()),
        tuple((name, tuple(cells.get(test) for test in columns)) for name, cells in rows.items()),
        all(test.complete for test in own),
    )


def whole_detector(tests: Sequence[AmplifierTest]) -> tuple[tuple[str, Cell], ...]:
    """Return the tests of a detector as a whole: name with unit, and the worst result."""
    own = (test for test in tests if test.worst.amplifier is None and test.worst.subject == "exposure")
    return tuple((name_of(test), cell_of(test)) for test in own)


def name_of(test: AmplifierTest) -> str:
    """Return the name of a test of a whole detector, with the unit of what it compares."""
    worst = test.worst
    if worst.statistic == FAILED_AMPLIFIERS:
        return f"{worst.test}, fraction of amplifiers"
    return f"{worst.test} ({worst.unit})" if worst.unit else worst.test


def cell_of(test: AmplifierTest) -> Cell:
    """Return the worst result of one test as a cell."""
    worst = test.worst
    margin = severity_margin(worst)
    bad = worst.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)
    return Cell(
        tone=_tone(test),
        outcome="waived" if worst.waived is not None else worst.outcome.value.replace("-", " "),
        value=number(worst.value) if worst.value is not None else "",
        limits=limits(worst),
        counts=_counts(test) if bad else (),
        where=str(worst.exposure) if bad and worst.exposure is not None else "",
        reason=worst.reason + (f" Waived: {worst.waived}" if worst.waived is not None else ""),
        fill=None if math.isnan(margin) else round(100 * min(margin, 1.0)),
    )


def _tone(test: AmplifierTest) -> str:
    worst = test.worst
    if worst.outcome is Outcome.PASS:
        return "good"
    if worst.outcome is Outcome.NOT_APPLICABLE:
        return "none"
    if worst.waived is not None:
        return "waived"
    if worst.severity is Severity.WARNING:
        return "warn"
    return "bad" if worst.outcome is Outcome.FAIL else "unknown"


def _counts(test: AmplifierTest) -> tuple[str, ...]:
    groups = (("generation", test.generation), ("verification", test.verification), ("run", test.run))
    return tuple(f"{_share(count, test.complete)} {name}" for name, count in groups if count.tested)


def _share(count: Count, complete: bool) -> str:
    bad = count.failed + count.could_not_run
    return f"{bad}/{count.tested}" if complete else str(bad)
