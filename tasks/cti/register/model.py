"""What a serial register is, and how it defers charge."""

from dataclasses import dataclass

from infra.errors import CalprodError

__all__ = ["Register", "RegisterParameters"]


@dataclass(frozen=True, slots=True)
class Register:
    """The pixels of one row, in the order they are read.

    Raises
    ------
    CalprodError
        There are no data pixels or no overscan.
    """

    data_width: int
    """Light-sensitive pixels."""
    prescan: int
    """Pixels without charge before them."""
    overscan: int
    """Readings after them."""

    def __post_init__(self) -> None:
        if self.data_width < 1 or self.prescan < 0 or self.overscan < 1:
            raise CalprodError(
                f"a register of {self.prescan} + {self.data_width} pixels and {self.overscan} overscan "
                "readings defers nothing that can be seen",
                "take a camera with serial overscan",
            )

    @property
    def n_transfers(self) -> int:
        """Transfers that the last data pixel makes."""
        return self.prescan + self.data_width


@dataclass(frozen=True, slots=True)
class RegisterParameters:
    """How charge is deferred (Snyder et al. 2021, JATIS 7, 048002)."""

    cti: float
    """Fraction of charge left behind in each transfer."""
    drift_scale: float = 0.0
    """Fraction of charge that stays as an offset of the output amplifier."""
    decay_time: float = 1.0
    """Decay of that offset (pixel)."""
    trap_size: float = 0.0
    """Largest charge the trap holds (electron); 0 for no trap."""
    trap_scale: float = 0.08
    """Fraction of the passing charge it takes until it is full."""
    emission_time: float = 0.35
    """Time in which it releases 1 − 1/e of its charge (pixel)."""
