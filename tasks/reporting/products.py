"""What a calibration that is a table says of each amplifier: its statistics, those that fail marked."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks.reporting.amplifier_tables import Cell, cell_of, name_of
from tasks.reporting.amplifiers import AmplifierTest
from tasks.reporting.words import number
from tasks.verification.model import DetectorStatistics, StatisticValues
from tasks.verification.units import unit_of

__all__ = ["ProductColumn", "ProductTable", "product_record", "product_table"]

MOST_COLUMNS = 8
"""Statistics in one table; more, of those that no test looks at, have a table of their own."""

_PLAIN = Cell(tone="none", outcome="", value="", limits="", counts=(), where="", reason="", fill=None)


@dataclass(frozen=True, slots=True)
class ProductColumn:
    """One statistic."""

    statistic: str
    unit: str
    """Unit; empty for a ratio or a count."""
    tests: tuple[str, ...]
    """Tests it must pass; empty when it is only told."""


@dataclass(frozen=True, slots=True)
class ProductTable:
    """The statistics of one detector's calibration."""

    columns: tuple[ProductColumn, ...]
    """Statistics that are tested, in the order of the policy, and the others where there are few."""
    rows: tuple[tuple[str, tuple[Cell, ...], str], ...]
    """Amplifier, a cell per column, and why it has no calibration, empty when it has one."""
    others: tuple[ProductColumn, ...]
    """Many statistics that no test looks at; empty when they stand among the columns."""
    other_rows: tuple[tuple[str, tuple[str, ...]], ...]
    """Amplifier and the values of those."""
    whole: tuple[tuple[str, Cell], ...]
    """Statistics of the whole detector that are tested, and the others where there are few."""
    whole_others: tuple[tuple[str, Cell], ...]
    """Many statistics of the whole detector that no test looks at."""

    @property
    def has_reasons(self) -> bool:
        """Whether any amplifier has no calibration."""
        return any(reason for _, _, reason in self.rows)

    @property
    def passes(self) -> bool:
        """Whether no amplifier has a cell that is marked."""
        cells = (cell for _, row, _ in self.rows for cell in row)
        return not self.has_reasons and all(cell.tone in ("good", "none") for cell in cells)


def product_record(statistics: Iterable[DetectorStatistics], detector: int) -> DetectorStatistics | None:
    """Return the record in which a detector's calibration itself was measured; None when it was not."""
    for record in statistics:
        measured = record.product_amplifiers or record.product_detector or record.product_problems
        if record.detector == detector and measured:
            return record
    return None


def product_table(record: DetectorStatistics, tests: Sequence[AmplifierTest]) -> ProductTable:
    """Return the table of one detector's calibration.

    Parameters
    ----------
    record
        What was measured of it.
    tests
        Worst results of the detector; those of exposures are passed over.
    """
    own = [test for test in tests if test.worst.subject == "product"]
    amplifiers = record.product_amplifiers
    measured = dict.fromkeys(name for values in amplifiers.values() for name in values)
    of_amplifiers = [test for test in own if test.worst.amplifier is not None]
    tested = [
        name for name in dict.fromkeys(test.worst.statistic for test in of_amplifiers) if name in measured
    ]
    if len(measured) <= MOST_COLUMNS:
        tested += [name for name in measured if name not in tested]
    columns = tuple(_column(name, of_amplifiers) for name in tested)
    others = tuple(_column(name, ()) for name in measured if name not in tested)
    found: dict[tuple[str | None, str], AmplifierTest] = {}
    for test in own:
        place = (test.worst.amplifier, test.worst.statistic)
        if place not in found or _gravity(test) > _gravity(found[place]):
            found[place] = test
    names = tuple(dict.fromkeys((*amplifiers, *record.product_problems)))
    whole, untested = _whole(record.product_detector, found)
    few = len(whole) + len(untested) <= MOST_COLUMNS
    return ProductTable(
        columns,
        tuple(
            (
                name,
                tuple(
                    _cell(column, amplifiers.get(name, {}), found.get((name, column.statistic)))
                    for column in columns
                ),
                record.product_problems.get(name, ""),
            )
            for name in names
        ),
        others,
        tuple(
            (name, tuple(_text(one.statistic, amplifiers[name].get(one.statistic)) for one in others))
            for name in amplifiers
        ),
        (*whole, *untested) if few else whole,
        () if few else untested,
    )


def _column(statistic: str, tests: Iterable[AmplifierTest]) -> ProductColumn:
    names = dict.fromkeys(test.worst.test for test in tests if test.worst.statistic == statistic)
    return ProductColumn(statistic, unit_of(statistic), tuple(names))


def _cell(column: ProductColumn, values: StatisticValues, test: AmplifierTest | None) -> Cell:
    """Return the cell of a statistic: of its worst test, with the value itself whatever the test compares."""
    value = values.get(column.statistic)
    if test is None:
        return replace(_PLAIN, value=_text(column.statistic, value))
    cell = cell_of(test)
    return replace(
        cell, value="" if value is None or math.isnan(value) else _text(column.statistic, value), counts=()
    )


def _whole(
    values: StatisticValues, found: dict[tuple[str | None, str], AmplifierTest]
) -> tuple[tuple[tuple[str, Cell], ...], tuple[tuple[str, Cell], ...]]:
    """Return the detector's statistics that are tested, with tests of something else; and the other ones."""
    tested: list[tuple[str, Cell]] = []
    others: list[tuple[str, Cell]] = []
    for name, value in values.items():
        test = found.get((None, name))
        told = test is not None and math.isnan(value)  # the test says that there is none
        text = "" if told else f"{_text(name, value)} {unit_of(name)}".rstrip()
        cell = replace(_PLAIN if test is None else cell_of(test), value=text)
        (others if test is None else tested).append((name, cell))
    rest = [test for (amplifier, name), test in found.items() if amplifier is None and name not in values]
    return (*tested, *((name_of(test), cell_of(test)) for test in rest)), tuple(others)


def _text(statistic: str, value: float | None) -> str:
    """Return a value in words; a count without decimals."""
    is_count = value is not None and statistic.startswith("N_") and float(value).is_integer()
    return f"{value:.0f}" if is_count else number(value)


def _gravity(test: AmplifierTest) -> int:
    order = {"none": 0, "good": 1, "waived": 2, "warn": 3, "unknown": 4, "bad": 5}
    return order[cell_of(test).tone]
