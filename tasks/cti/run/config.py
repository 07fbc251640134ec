"""Configuration of the CTI's PipelineTasks."""

from lsst.pex.config import Config, ConfigField, Field, FieldValidationError, ListField, RangeField

from tasks.cti.algorithm import Columns, CtiSettings
from tasks.isr.config import IsrConfig

__all__ = ["CtiSolveConfig", "overscan_skip"]

_DEFAULTS = CtiSettings()

_MOST_OF_TRAP = 3
"""Overscan columns over which released charge may be summed (Rubin cp_pipe)."""


def overscan_skip() -> RangeField:
    """Return the field of the overscan columns that hold the trail."""
    return RangeField(
        dtype=int,
        default=15,
        min=0,
        doc="Leading columns of the serial overscan that its level is not taken from, where they are at most "
        "half of it: they hold the trail. Rubin keeps to 3, and left out 5 in 2024-09.",
    )


def _columns(doc: str, default: Columns) -> ListField[int]:
    """First and last overscan column, from 1."""
    return ListField[int](
        dtype=int,
        default=[default.first, default.last],
        length=2,
        itemCheck=lambda column: column >= 1,
        doc=f"First and last overscan column, from 1, {doc}",
    )


class CtiSolveConfig(Config):
    """How deferred charge is solved (defaults: Rubin cp_pipe)."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections made before anything is measured.")
    overscan_skip = overscan_skip()
    offset_columns = _columns(
        "that the offset of the output amplifier is fitted to.", _DEFAULTS.offset_columns
    )
    offset_largest_signal = RangeField(
        dtype=float,
        default=_DEFAULTS.offset_largest_signal,
        min=0.0,
        doc="Flats below are used for it (electron).",
    )
    global_columns = _columns("that the transfers are fitted to.", _DEFAULTS.global_columns)
    global_largest_signal = RangeField(
        dtype=float,
        default=_DEFAULTS.global_largest_signal,
        min=0.0,
        doc="Flats below are used for them (electron).",
    )
    trap_threshold = RangeField(
        dtype=float,
        default=_DEFAULTS.trap_threshold,
        min=0.0,
        doc="Edge response of faint flats above which a trap is fitted with the transfers.",
    )
    trap_columns = _columns("over which released charge is summed; at most 3.", _DEFAULTS.trap_columns)
    trap_largest_signal = RangeField(
        dtype=float,
        default=_DEFAULTS.trap_largest_signal,
        min=0.0,
        doc="Flats below, and below the turnoff, give the trap's curve (electron).",
    )
    turnoff_largest = RangeField(
        dtype=float,
        default=_DEFAULTS.turnoff_largest,
        min=0.0,
        doc="Largest edge response among which the turnoffs are sought.",
    )
    e2v_traps = Field[bool](
        dtype=bool, default=_DEFAULTS.e2v_traps, doc="Measure traps of sensors by E2V too."
    )

    def validate(self) -> None:
        """Refuse columns in the wrong order, and too many of a trap."""
        super().validate()
        for name, most in (
            ("offset_columns", None),
            ("global_columns", None),
            ("trap_columns", _MOST_OF_TRAP),
        ):
            first, last = getattr(self, name)
            if last < first or (most is not None and last - first + 1 > most):
                words = f"{first} to {last} are no columns from a first to a last one"
                raise FieldValidationError(
                    getattr(type(self), name), self, words + (f", {most} at most" if most else "")
                )

    def settings(self) -> CtiSettings:
        """Return how to solve."""
        return CtiSettings(
            offset_columns=Columns(*self.offset_columns),
            offset_largest_signal=self.offset_largest_signal,
            global_columns=Columns(*self.global_columns),
            global_largest_signal=self.global_largest_signal,
            trap_threshold=self.trap_threshold,
            trap_columns=Columns(*self.trap_columns),
            trap_largest_signal=self.trap_largest_signal,
            turnoff_largest=self.turnoff_largest,
            e2v_traps=self.e2v_traps,
        )
