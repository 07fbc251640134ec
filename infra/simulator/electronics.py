"""From charge to numbers: gain, non-linearity, crosstalk, bias, read noise, analogue-to-digital conversion.

All functions work on whole segments in readout order, shape [n_amplifiers, ny, nx].
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from infra.simulator.effects import RowDrift

__all__ = ["add_crosstalk", "bend_response", "digitise", "draw_row_drift", "first_exposure_stripes"]

type FloatArray = NDArray[np.float64]

_LARGEST_NUMBER = 2**18 - 1
"""Of the 18-bit converter."""


def bend_response(signal: FloatArray, coefficients: FloatArray) -> FloatArray:
    """Return the signal (adu above the pedestal) after a quadratic loss of gain.

    Parameters
    ----------
    signal
        Linear signal (adu), shape [n_amplifiers, ny, nx].
    coefficients
        Coefficient of each amplifier (1/adu).
    """
    return np.asarray(signal - coefficients[:, np.newaxis, np.newaxis] * signal**2)


def add_crosstalk(
    signal: FloatArray, coefficients: FloatArray, gain: FloatArray, quadratic: FloatArray | None = None
) -> FloatArray:
    """Return the signal with what leaks over from the amplifiers read at the same moment.

    Parameters
    ----------
    signal
        Signal (adu), shape [n_amplifiers, ny, nx].
    coefficients
        Fraction of the source's electrons seen in the target, [source, target].
    gain
        Electron/adu.
    quadratic
        Coefficient of the square of the source's electrons (1/electron), [source, target].
    """
    in_adu = coefficients * gain[:, np.newaxis] / gain[np.newaxis, :]
    disturbed = signal + np.tensordot(in_adu.T, signal, axes=1)
    if quadratic is not None and quadratic.any():
        disturbed += np.tensordot((quadratic * gain[:, np.newaxis] ** 2 / gain).T, signal**2, axes=1)
    return np.asarray(disturbed)


def draw_row_drift(rng: np.random.Generator, shape: tuple[int, int], settings: RowDrift) -> FloatArray:
    """Return a stationary autoregressive series (adu) for each amplifier, shape [n_amplifiers, n_rows]."""
    memory = np.exp(-1.0 / settings.correlation)
    steps = rng.standard_normal(shape) * np.sqrt(1.0 - memory**2)
    steps[:, 0] = rng.standard_normal(shape[0])  # starts with the spread it keeps
    return np.asarray(settings.amplitude * lfilter([1.0], [1.0, -memory], steps, axis=1))


def first_exposure_stripes(n_rows: int, amplitude: float) -> FloatArray:
    """Return stripes along the rows (adu) that fade from the first row read, shape [n_rows]."""
    rows = np.arange(n_rows)
    return np.asarray(amplitude * np.sin(2.0 * np.pi * rows / 16.0) * np.exp(-2.0 * rows / n_rows))


def digitise(signal: FloatArray) -> NDArray[np.int32]:
    """Return the numbers of the 18-bit converter for a signal in adu."""
    return np.clip(np.rint(signal), 0, _LARGEST_NUMBER).astype(np.int32)
