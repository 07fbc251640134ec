"""How deferred charge is solved."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Columns", "CtiSettings"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Overscan columns from a first to a last one, both counted; column 1 is the first behind the data."""

    first: int
    last: int

    def within(self, n_columns: int) -> "Columns":
        """Return those that an overscan of so many columns has."""
        return Columns(self.first, min(self.last, n_columns))

    @property
    def n(self) -> int:
        """How many they are."""
        return max(0, self.last - self.first + 1)

    @property
    def slice(self) -> slice:
        """Index of the columns."""
        return slice(self.first - 1, max(self.first - 1, self.last))

    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """Their numbers."""
        return np.arange(self.first, self.last + 1, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CtiSettings:
    """Columns, signals and thresholds (defaults: Rubin cp_pipe)."""

    offset_columns: Columns = field(default_factory=lambda: Columns(3, 13))
    """That the offset of the output amplifier is fitted to."""
    offset_largest_signal: float = 150_000.0
    """Flats below are used for it (electron)."""
    global_columns: Columns = field(default_factory=lambda: Columns(1, 15))
    """That the inefficiency of the transfers is fitted to."""
    global_largest_signal: float = 10_000.0
    """Flats below are used for it (electron)."""
    trap_threshold: float = 5e-6
    """Extended edge response of those flats above which a trap is taken for its cause, and fitted too."""
    trap_columns: Columns = field(default_factory=lambda: Columns(1, 2))
    """Over which the charge that a trap released is summed; at most 3."""
    trap_largest_signal: float = 150_000.0
    """Flats below, and below the turnoff, give the trap's curve (electron)."""
    turnoff_largest: float = 1e-5
    """Largest extended edge response of a level that the turnoffs are sought among."""
    e2v_traps: bool = False
    """Whether sensors by E2V get a trap."""
