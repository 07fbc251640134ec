"""Charge transfer inefficiency: give each pixel back the charge that came late out of the serial register."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.isr.cti_kernels import KINDS, capture, correct_rows

__all__ = ["DeferredCharge", "Trap", "TrapType", "correct_cti"]

type TrapType = Literal["linear", "logistic", "spline"]
"""How much charge a trap takes, by the charge that passes it."""

N_PREVIOUS_OFFSET = 15
"""Pixels within which a pixel's charge still counts for the offset of the output amplifier, itself included
(Rubin ip_isr)."""

N_PREVIOUS_TRAP = 6
"""Earlier pixels whose charge may still sit in a trap (Rubin ip_isr)."""


@dataclass(frozen=True, slots=True, eq=False)
class Trap:
    """A trap of the serial register.

    Raises
    ------
    CalprodError
        The type is unknown, a number is not finite or the coefficients do not have the layout of the type.
    """

    type: TrapType
    """Law of capture."""
    size: float
    """Largest charge it holds (electron)."""
    emission_time: float
    """Time in which 1 − 1/e of its charge is released (pixel)."""
    coefficients: npt.NDArray[np.float64]
    """linear: [scale]. logistic: [f₀ (electron), k (1/electron)]. spline: [charges, captured] (electron)."""
    pixel: int = 1
    """Where it sits, counted from the output."""

    def __post_init__(self) -> None:
        n = np.asarray(self.coefficients).size
        sound = {"linear": n == 1, "logistic": n == 2, "spline": n >= 4 and n % 2 == 0}.get(self.type)
        if sound is None:
            known = ", ".join(get_args(TrapType.__value__))
            raise CalprodError(f"unknown type of trap {self.type!r}", f"use one of {known}")
        if not sound:
            raise CalprodError(
                f"{n} coefficients do not describe a {self.type} trap", "solve the CTI of the detector again"
            )
        numbers = np.append(self.coefficients, (self.size, self.emission_time))
        if not (np.isfinite(numbers).all() and self.size >= 0 and self.emission_time > 0):
            raise CalprodError(
                f"there is no {self.type} trap of {self.size} electron, emission time {self.emission_time} "
                f"pixel with coefficients {np.asarray(self.coefficients).tolist()}",
                "solve the CTI of the detector again",
            )
        if self.type == "spline" and not (np.diff(self.coefficients[: n // 2]) >= 0).all():
            raise CalprodError(
                "the charges of a spline trap do not rise", "solve the CTI of the detector again"
            )

    def capture(self, charge: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return what the empty trap takes of some charge, both in electrons.

        Notes
        -----
        linear min(size, scale q); logistic size / (1 + exp(−k (q − f₀))); spline linear between its points
        and constant beyond them (Snyder et al. 2021, JATIS 7, 048002; Rubin ip_isr).
        """
        flat = np.ravel(np.asarray(charge, np.float64))
        taken = capture(flat, KINDS[self.type], float(self.size), np.asarray(self.coefficients, np.float64))
        return np.asarray(taken).reshape(np.shape(charge))


@dataclass(frozen=True, slots=True, eq=False)
class DeferredCharge:
    """How one amplifier defers charge.

    Raises
    ------
    CalprodError
        A number is not finite, or the gain or decay time not positive.
    """

    drift_scale: float
    """A: fraction of a pixel's charge that stays as an offset of the output amplifier; none is corrected
    where it is not positive."""
    decay_time: float
    """τ: decay of that offset (pixel)."""
    trap: Trap | None = None
    """Trap ahead of the output; None for none."""
    gain: float = 1.0
    """electron/adu with which the amplifier was measured."""
    global_cti: float = 0.0
    """Fraction of charge left behind in each serial transfer."""

    def __post_init__(self) -> None:
        numbers = (self.drift_scale, self.decay_time, self.gain, self.global_cti)
        if not np.isfinite(numbers).all() or self.decay_time <= 0 or self.gain <= 0:
            raise CalprodError(
                f"drift scale {self.drift_scale}, decay time {self.decay_time} pixel, gain {self.gain} "
                f"electron/adu and CTI {self.global_cti} are no deferred charge",
                "solve the CTI of the detector again",
            )


def correct_cti(
    pixels: npt.NDArray[np.floating],
    deferred_charge: DeferredCharge,
    *,
    data_rows: int,
    prescan: int = 0,
    unit: Literal["adu", "electron"] = "electron",
    restore_transfers: bool = True,
) -> None:
    """Give back the charge that one segment's serial register and output deferred, in place.

    Parameters
    ----------
    pixels
        Whole segment in readout orientation (the first pixel read out is [0, 0]) with serial overscan,
        shape (ny, nx), float32 or float64; a view of any strides. Overscan levels are already subtracted.
    deferred_charge
        Of the amplifier.
    data_rows
        Rows of light-sensitive pixels; those of the parallel overscan behind them stay as they are.
    prescan
        Leading columns without charge of their own; they stay as they are and count as 0.
    unit
        Of the pixels.
    restore_transfers
        Whether to undo the proportional loss of each transfer too, which Rubin's ip_isr leaves.

    Raises
    ------
    CalprodError
        The segment is smaller than its sections.

    Notes
    -----
    The inverse of what happened, backwards (Snyder et al. 2021; Rubin ip_isr, DeferredChargeTask):

    1. output amplifier: I_x −= A max_{j<15} max(0, I_{x−j}) e^{−j/τ};
    2. trap: O = max_{n<6} c(I_{x−n−1}) e^{−n/τ_t}, I_x −= (1 − b)(O (1 − e^{−1/τ_t}) − max(0, c(I_x) −
       O e^{−1/τ_t})), with c the capture of the trap and b the CTI of one transfer;
    3. transfers, to first order: I_x += b ((x + 1) I_x − x I_{x−1}).
    """
    if data_rows > pixels.shape[0] or prescan > pixels.shape[1]:
        raise CalprodError(
            f"a segment of {pixels.shape[0]} rows and {pixels.shape[1]} columns has no {data_rows} data rows "
            f"behind a prescan of {prescan}",
            "take the sections from the frame's own layout",
        )
    charge, trap = deferred_charge, deferred_charge.trap
    factor = charge.gain if unit == "adu" else 1.0
    has_trap = trap is not None and trap.size > 0 and bool(np.any(trap.coefficients))
    correct_rows(
        pixels[:data_rows],
        prescan,
        float(factor),
        max(0.0, float(charge.drift_scale)),
        float(np.exp(-1.0 / charge.decay_time)),
        KINDS[trap.type] if has_trap and trap is not None else -1,
        float(trap.size) if trap is not None else 0.0,
        float(np.exp(-1.0 / trap.emission_time)) if trap is not None else 0.0,
        np.asarray(trap.coefficients if trap is not None else [0.0], np.float64),
        float(charge.global_cti),
        restore_transfers and charge.global_cti != 0,
        N_PREVIOUS_OFFSET,
        N_PREVIOUS_TRAP,
    )
