"""Poisson's equation on a small square, solved exactly by the type-I sine transform."""

from functools import cache

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["laplacian", "solve_poisson"]

type FloatArray = npt.NDArray[np.float64]


def solve_poisson(source: FloatArray) -> FloatArray:
    """Return the kernel K whose five-point Laplacian is a given source, with K = 0 on a frame around it.

    Parameters
    ----------
    source
        Shape (n, n), or a stack of them, (..., n, n).

    Returns
    -------
    kernel
        Same shape, in the source's unit times pixel².

    Raises
    ------
    CalprodError
        The source is no square, or not finite.

    Notes
    -----
    Sines that vanish on the frame are the eigenvectors of the Laplacian, with the eigenvalues
    2 cos(π k / (n + 1)) + 2 cos(π l / (n + 1)) − 4 for k, l = 1 … n; the division is exact. Rubin's cp_pipe
    relaxes the same equation (Press et al., Numerical Recipes, §20.5) until the residual is 5e-14 of the
    first. For these sizes the transform is a product with a matrix of 17 or 21 rows.
    """
    if source.ndim < 2 or source.shape[-1] != source.shape[-2]:
        raise CalprodError(f"a source of shape {source.shape} is no square", "pass one of shape (n, n)")
    if not np.isfinite(source).all():
        raise CalprodError("the source of a kernel is not finite", "leave out levels without covariances")
    sines, eigenvalues = _transform(source.shape[-1])
    return np.asarray(sines @ ((sines @ source @ sines) / eigenvalues) @ sines)


def laplacian(kernel: FloatArray) -> FloatArray:
    """Five-point Laplacian of a kernel that is 0 around it, shape (..., n, n)."""
    framed = np.pad(kernel, [(0, 0)] * (kernel.ndim - 2) + [(1, 1), (1, 1)])
    inner = framed[..., 1:-1, 1:-1]
    return np.asarray(
        framed[..., 2:, 1:-1]
        + framed[..., :-2, 1:-1]
        + framed[..., 1:-1, 2:]
        + framed[..., 1:-1, :-2]
        - 4.0 * inner
    )


@cache
def _transform(n: int) -> tuple[FloatArray, FloatArray]:
    """Orthonormal matrix of the type-I sine transform, and the eigenvalues of the Laplacian."""
    k = np.arange(1, n + 1)
    sines = np.sqrt(2.0 / (n + 1)) * np.sin(np.pi * np.outer(k, k) / (n + 1))
    half = 2.0 * np.cos(np.pi * k / (n + 1)) - 2.0
    return sines, half[:, None] + half[None, :]
