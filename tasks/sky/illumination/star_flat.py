"""The illumination correction of detectors, from the photometry of stars that were seen at several places.

A flat is lit by more than what the telescope focuses: scattered light and the lamp's own shape. Stars, seen
at several places of the detectors, tell where the flat is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.polynomial.chebyshev import chebvander

from infra.errors import CalprodError

__all__ = ["StarFlat", "StarFlatSettings", "StarPhotometry", "fit_star_flat"]

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StarFlatSettings:
    """How the surfaces are fitted."""

    order: int = 4
    """Highest degree of the Chebyshev polynomials along x, and along y."""
    photometric: bool = False
    """Whether all exposures have one zero point. Without that, and without rotations of the camera, a slope
    over the focal plane cannot be told from zero points."""
    n_sigma: float = 5.0
    """Observations beyond this many standard deviations are left out."""
    n_iterations: int = 5
    """Passes of the clip."""


@dataclass(frozen=True, slots=True, eq=False)
class StarPhotometry:
    """Observations of stars, each an entry of every array of shape (n,)."""

    star: IntArray
    """Which star, by any number."""
    exposure: IntArray
    """Exposure ID."""
    detector: IntArray
    """Detector number."""
    x: FloatArray
    """Place along the detector's width, from -1 to 1."""
    y: FloatArray
    """Place along the detector's height, from -1 to 1."""
    magnitude: FloatArray
    """Instrumental magnitude in the flat-fielded exposure (mag)."""
    error: FloatArray
    """Its standard error (mag)."""


@dataclass(frozen=True, slots=True, eq=False)
class StarFlat:
    """What the flats of detectors are wrong by."""

    coefficients: Mapping[int, FloatArray]
    """Of T_i(y) T_j(x) by detector (mag), shape (order + 1, order + 1): how much fainter stars seem there.
    The mean over all detectors is 0."""
    covariance: FloatArray
    """Of all coefficients, detector by detector in rising order, each in the order of the matrix (mag²)."""
    zero_points: Mapping[int, float]
    """Of each exposure (mag), of mean 0."""
    n_used: int
    """Observations that survive the clip."""
    n_undetermined: int
    """Combinations of coefficients and zero points that the observations say nothing of, besides one constant
    for each kind; they are left at 0."""
    chi_squared: float
    """Per degree of freedom."""

    def magnitudes(self, detector: int, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return how much fainter stars seem (mag) at places of a detector, -1 to 1 along each axis."""
        order = self.coefficients[detector].shape[0] - 1
        terms = _terms(np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel(), order)
        return np.asarray((terms @ self.coefficients[detector].ravel()).reshape(np.shape(x)))

    def correction(self, detector: int, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the image by which flat-fielded exposures of a detector are divided, about 1.

        Parameters
        ----------
        detector
            Detector number.
        shape
            Shape (ny, nx) of the image.
        """
        y, x = ((2.0 * np.arange(size) + 1.0) / size - 1.0 for size in shape)
        order = self.coefficients[detector].shape[0] - 1
        surface = chebvander(y, order) @ self.coefficients[detector] @ chebvander(x, order).T
        return np.asarray(10.0 ** (-0.4 * surface), np.float32)


def fit_star_flat(photometry: StarPhotometry, settings: StarFlatSettings | None = None) -> StarFlat:
    """Fit surfaces to the magnitudes of stars that were seen at several places.

    Parameters
    ----------
    photometry
        Observations. A star seen once says nothing, and does no harm.
    settings
        Order 4 when None, as Rubin's illumination correction has it.

    Raises
    ------
    CalprodError
        Too few observations, or one without an error.

    Notes
    -----
    m = M(star) + Z(exposure) + S(detector, x, y), weighted least squares. The magnitudes of the stars are
    eliminated, each being the weighted mean of what remains of its observations, so that the equations are as
    many as zero points and coefficients, however many stars there are. What they leave open comes out as 0:
    the solution is that of smallest norm. Then the mean of S over the detectors, and of Z, is made 0.
    """
    chosen = settings or StarFlatSettings()
    if not np.all(np.isfinite(photometry.error) & (photometry.error > 0)):
        raise CalprodError("an observation of a star has no error", "leave it out")
    detectors, exposures = np.unique(photometry.detector), np.unique(photometry.exposure)
    design = _design(photometry, detectors, exposures, chosen)
    used = np.isfinite(photometry.magnitude)
    solution, inverse, rank = np.zeros(design.shape[1]), np.zeros((design.shape[1],) * 2), 0
    chi_squared = np.nan
    for _ in range(chosen.n_iterations):
        solution, inverse, rank, residual = _solve(photometry, design, used)
        freedom = np.count_nonzero(used) - np.unique(photometry.star[used]).size - rank
        if freedom < 1:
            raise CalprodError(
                f"{np.count_nonzero(used)} observations of stars do not determine {rank} numbers",
                "give stars that several exposures saw at different places",
            )
        pulls = residual / photometry.error
        chi_squared = float(pulls[used] @ pulls[used]) / freedom
        kept = np.isfinite(pulls) & (np.abs(pulls) <= chosen.n_sigma * max(1.0, np.sqrt(chi_squared)))
        if np.array_equal(kept, used):
            break
        used = kept
    # One constant of the surfaces and, where there are any, one of the zero points are those of the stars.
    n_constants = 1 if chosen.photometric else 2
    n_terms = (chosen.order + 1) ** 2
    coefficients, zero_points = _centred(solution, detectors.size, n_terms)
    n_coefficients = detectors.size * n_terms
    side = chosen.order + 1
    return StarFlat(
        coefficients={
            int(name): one.reshape(side, side) for name, one in zip(detectors, coefficients, strict=True)
        },
        covariance=inverse[:n_coefficients, :n_coefficients],
        zero_points=dict(zip(exposures.tolist(), zero_points.tolist(), strict=True))
        if zero_points.size
        else dict.fromkeys(exposures.tolist(), 0.0),
        n_used=int(np.count_nonzero(used)),
        n_undetermined=max(design.shape[1] - rank - n_constants, 0),
        chi_squared=chi_squared,
    )


def _terms(x: FloatArray, y: FloatArray, order: int) -> FloatArray:
    """Polynomials at places, shape (n, (order + 1)^2), T_i(y) T_j(x) in the order of a matrix [i, j]."""
    along_y, along_x = chebvander(y, order), chebvander(x, order)
    return np.asarray((along_y[:, :, np.newaxis] * along_x[:, np.newaxis, :]).reshape(x.size, -1))


def _design(
    photometry: StarPhotometry, detectors: IntArray, exposures: IntArray, settings: StarFlatSettings
) -> FloatArray:
    """Return the derivatives of magnitudes by coefficients and zero points, shape (n, unknowns)."""
    terms = _terms(photometry.x, photometry.y, settings.order)
    n, n_terms = terms.shape
    n_zero_points = 0 if settings.photometric else exposures.size
    design = np.zeros((n, detectors.size * n_terms + n_zero_points))
    for index, detector in enumerate(detectors):
        on_it = photometry.detector == detector
        design[on_it, index * n_terms : (index + 1) * n_terms] = terms[on_it]
    if n_zero_points:
        which = np.searchsorted(exposures, photometry.exposure)
        design[np.arange(n), detectors.size * n_terms + which] = 1.0
    return design


def _solve(
    photometry: StarPhotometry, design: FloatArray, used: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, int, FloatArray]:
    """Solution of smallest norm, its covariance, its rank, and the residuals of all observations."""
    stars, which = np.unique(photometry.star, return_inverse=True)
    weight = np.where(used, photometry.error**-2.0, 0.0)
    total = np.bincount(which, weight, minlength=stars.size)
    total[total == 0] = 1.0

    def without_star(values: FloatArray) -> FloatArray:
        """Subtract from each observation the weighted mean over its star."""
        mean = np.bincount(which, weight * values, minlength=stars.size) / total
        return np.asarray(values - mean[which])

    magnitude = without_star(np.where(used, photometry.magnitude, 0.0))
    relative = np.apply_along_axis(without_star, 0, design)
    matrix = relative.T @ (relative * weight[:, np.newaxis])
    values, vectors = np.linalg.eigh(matrix)
    known = values > 1e-9 * values[-1]
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T
    solution = inverse @ (relative.T @ (weight * magnitude))
    observed = np.where(np.isfinite(photometry.magnitude), photometry.magnitude, np.nan)
    mean = np.bincount(which, weight * np.where(used, observed - design @ solution, 0.0)) / total
    residual = observed - design @ solution - mean[which]
    return solution, inverse, int(np.count_nonzero(known)), np.asarray(residual)


def _centred(solution: FloatArray, n_detectors: int, n_terms: int) -> tuple[FloatArray, FloatArray]:
    """Coefficients by detector and zero points, of mean 0 over the detectors and over the exposures."""
    coefficients = solution[: n_detectors * n_terms].reshape(n_detectors, n_terms).copy()
    zero_points = solution[n_detectors * n_terms :].copy()
    order = round(np.sqrt(n_terms)) - 1
    # The mean of T_n over -1 to 1 is 1 / (1 - n^2) for even n and 0 for odd n.
    degrees = np.arange(order + 1)
    means = np.where(degrees % 2, 0.0, 1.0 / (1.0 - np.where(degrees % 2, 0, degrees) ** 2.0))
    coefficients[:, 0] -= float(np.mean(coefficients @ np.outer(means, means).ravel()))
    return coefficients, zero_points - zero_points.mean() if zero_points.size else zero_points
