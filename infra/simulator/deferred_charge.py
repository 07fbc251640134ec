"""Charge that arrives late: transfer inefficiency, a serial trap, drift of the output amplifier."""

import numpy as np
from numpy.typing import NDArray

from infra.simulator.effects import DeferredCharge

__all__ = ["read_out_late", "transfer_inefficiently"]

type FloatArray = NDArray[np.float64]

_ORDER = 3
"""Largest number of transfers by which charge may be late; more is of order cti**4."""


def transfer_inefficiently(charge: FloatArray, cti: float, axis: int) -> FloatArray:
    """Return the charge after transfers that each leave a fraction behind.

    Parameters
    ----------
    charge
        Charge (electron), in readout order: what lies at index i has i + 1 transfers to make.
    cti
        Fraction left behind in one transfer.
    axis
        Axis along which charge is transferred.

    Notes
    -----
    A packet that must succeed n times arrives k steps late with the negative binomial probability
    C(n + k - 1, k) cti**k (1 - cti)**n.
    """
    rows = np.moveaxis(charge, axis, -1)
    transfers = np.arange(1, rows.shape[-1] + 1)
    weight = (1.0 - cti) ** transfers
    late = np.zeros_like(rows)
    for k in range(_ORDER + 1):
        late[..., k:] += (rows * weight)[..., : rows.shape[-1] - k]
        weight = weight * cti * (transfers + k) / (k + 1)
    return np.moveaxis(late, -1, axis)


def read_out_late(charge: FloatArray, settings: DeferredCharge) -> FloatArray:
    """Return the charge of segments as their outputs see it, column by column.

    Parameters
    ----------
    charge
        Charge (electron), whole segments in readout order with empty prescan and overscans, shape
        [ny, nx] or [n_amplifiers, ny, nx].
    settings
        Strengths of the effects.

    Notes
    -----
    Order and formulae follow Snyder et al. 2021 (JATIS 7, 048002): transfers, trap ahead of the first pixel,
    then the offset of the output amplifier, offset <- max(A q, offset exp(-1/tau)). Each row starts with an
    empty trap.
    """
    shifted = transfer_inefficiently(charge, settings.parallel_cti, axis=-2)
    shifted = transfer_inefficiently(shifted, settings.serial_cti, axis=-1)
    output = np.empty_like(shifted)
    trapped, offset = np.zeros(charge.shape[:-1]), np.zeros(charge.shape[:-1])
    released_fraction = 1.0 - np.exp(-1.0 / settings.trap_emission)
    decay = np.exp(-1.0 / settings.decay_time)
    for column in range(charge.shape[-1]):
        # What was released behind one packet joins the next before the trap captures of it again.
        released = released_fraction * trapped
        trapped = trapped - released
        packet = shifted[..., column] + released
        wanted = np.minimum(settings.trap_size, settings.trap_scale * packet)
        captured = np.clip(wanted, trapped, settings.trap_size) - trapped
        packet = packet - captured
        trapped = trapped + captured
        offset = np.maximum(settings.drift_scale * packet, offset * decay)
        output[..., column] = packet + offset
    return output
