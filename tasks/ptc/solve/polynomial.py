"""The covariance model as a polynomial in the mean at every lag, with its derivatives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.ptc.solve.convolution import convolution_matrix, padded_side

__all__ = ["CovarianceParameters", "LinearisedModel", "coefficients", "linearise"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CovarianceParameters:
    """Gain and the matrices of the model, one quadrant each, shape (r, r), [serial lag][parallel lag]."""

    gain: float
    """electron/adu."""
    a_matrix: FloatArray
    """1/electron."""
    c_matrix: FloatArray
    """a·b (1/electron²)."""

    @property
    def side(self) -> int:
        """Number of lags in each direction."""
        return self.a_matrix.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class LinearisedModel:
    """Coefficients of μ¹…μ⁴ and what they do when a parameter moves; r² lags, flattened."""

    coefficients: FloatArray
    """Shape (4, r²)."""
    by_gain: FloatArray
    """Derivatives by the gain, shape (4, r²)."""
    by_a: FloatArray
    """Derivatives of the third and fourth by a, shape (2, r², r²); the second is a itself."""
    by_c: FloatArray
    """Derivatives of the third and fourth by c, shape (2, r², r²)."""


def coefficients(parameters: CovarianceParameters) -> FloatArray:
    """Coefficients of μ¹…μ⁴ (adu² / aduᵏ), shape (4, r²)."""
    a, c, side = parameters.a_matrix, parameters.c_matrix.ravel(), parameters.side
    wide = padded_side(side)
    wide_square = (convolution_matrix(a, side, wide) @ a.ravel()).reshape(wide, wide)
    cube = convolution_matrix(a, wide, side) @ wide_square.ravel()
    with_c = convolution_matrix(a, side, side) @ c
    third = 2.0 / 3.0 * (wide_square[:side, :side].ravel() + c)
    return _stack(parameters.gain, a.ravel(), third, cube / 3.0 + 5.0 / 6.0 * with_c)


def linearise(parameters: CovarianceParameters) -> LinearisedModel:
    """Model and its exact derivatives at one set of parameters.

    Notes
    -----
    Convolution is bilinear, so that every derivative is a convolution matrix: of a⊗a by a it is twice that of
    a; of a⊗a⊗a, whose inner product is followed only to `padded_side` lags, the sum of two terms.
    """
    gain, a, c, side = parameters.gain, parameters.a_matrix, parameters.c_matrix, parameters.side
    wide, n = padded_side(side), side**2
    to_wide = convolution_matrix(a, side, wide)
    from_wide = convolution_matrix(a, wide, side)
    near = to_wide.reshape(wide, wide, n)[:side, :side].reshape(n, n)
    wide_square = to_wide @ a.ravel()
    third = 2.0 / 3.0 * (near @ a.ravel() + c.ravel())
    fourth = from_wide @ wide_square / 3.0 + 5.0 / 6.0 * (near @ c.ravel())
    cube_by_a = 2.0 * (from_wide @ to_wide) + convolution_matrix(wide_square.reshape(wide, wide), side, side)
    fourth_by_a = cube_by_a / 3.0
    if c.any():
        fourth_by_a += 5.0 / 6.0 * convolution_matrix(c, side, side)
    by_gain = np.zeros((4, n))
    by_gain[0, 0] = -1.0 / gain**2
    by_gain[2], by_gain[3] = third, 2.0 * gain * fourth
    return LinearisedModel(
        coefficients=_stack(gain, a.ravel(), third, fourth),
        by_gain=by_gain,
        by_a=np.stack([4.0 / 3.0 * gain * near, gain**2 * fourth_by_a]),
        by_c=np.stack([2.0 / 3.0 * gain * np.eye(n), 5.0 / 6.0 * gain**2 * near]),
    )


def _stack(gain: float, a: FloatArray, third: FloatArray, fourth: FloatArray) -> FloatArray:
    """Coefficients of μ¹…μ⁴: Poisson noise at lag zero, a, and the two higher orders."""
    poisson = np.zeros_like(a)
    poisson[0] = 1.0 / gain
    return np.stack([poisson, a, gain * third, gain**2 * fourth])
