"""Which sources of several exposures are one star: what lies under its place in one lies there in all."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.crosstalk.steps.ratios import CrosstalkRatios

__all__ = ["identities"]

type Positions = npt.NDArray[np.float32]
type Numbers = npt.NDArray[np.int64]

_MOST = 200
"""Sources of an exposure, the first ones, by which it is matched."""

_CELL = 4.0
"""Size of the cells in which displacements are counted (pixel)."""

_NEAR = 3.0
"""Distance within which two sources are one, after the displacement (pixel)."""

_FEWEST = 4
_SHARE = 0.3
"""Sources, and part of the shorter list, that must agree in one displacement."""


def identities(exposures: Sequence[CrosstalkRatios]) -> list[Numbers]:
    """Return the number of the star that each source of each exposure is.

    Parameters
    ----------
    exposures
        Ratios of one detector.

    Returns
    -------
    stars
        Of each exposure, the star by number of the source. Exposures that were displaced against each other,
        and not turned, share stars; sources without a known position are stars of their own.

    Notes
    -----
    Dithered exposures of one field show the same faint star under the same place again and again, wherever
    two amplifiers are read in the same direction. Counted as so many independent measurements they would make
    the error of that pair too small by the root of the number of exposures.
    """
    found: list[Numbers] = []
    known: list[tuple[Positions, Numbers]] = []
    first = 0
    for one in exposures:
        n = 1 + max((int(numbers.max(initial=0)) for numbers in one.sources.values()), default=0)
        stars = first + np.arange(n)
        first += n
        positions = one.positions
        if positions is not None:
            for other, names in reversed(known):
                displacement = _displacement(positions[1:], other[1:])
                if displacement is not None:
                    _take_over(stars, positions - displacement, other, names)
                    break
            known.append((positions, stars))
        found.append(stars)
    return found


def _displacement(positions: Positions, others: Positions) -> npt.NDArray[np.float32] | None:
    """Displacement (pixel) in which most sources agree; None where too few do."""
    some, rest = positions[:_MOST], others[:_MOST]
    needed = max(_FEWEST, int(np.ceil(_SHARE * min(len(some), len(rest)))))
    if min(len(some), len(rest)) < needed:
        return None
    differences = (some[:, np.newaxis] - rest).reshape(-1, 2)
    cells, counts = np.unique(np.round(differences / _CELL).astype(np.int64), axis=0, return_counts=True)
    # The true one may lie on the border of cells: its neighbours are looked at, too.
    for cell in cells[np.argsort(counts)[::-1][:3]]:
        near = differences[np.abs(differences - cell * _CELL).max(axis=1) < 1.5 * _CELL]
        middle = np.median(near, axis=0)
        if np.count_nonzero(np.abs(differences - middle).max(axis=1) < _NEAR) >= needed:
            return np.asarray(middle, np.float32)
    return None


def _take_over(stars: Numbers, positions: Positions, others: Positions, names: Numbers) -> None:
    """Give sources the names of those that they coincide with, in place."""
    if len(others) < 2:
        return
    for index in range(1, min(len(stars), len(positions))):
        distance = np.hypot(*(others[1:] - positions[index]).T)
        nearest = int(np.argmin(distance))
        if distance[nearest] < _NEAR and nearest + 1 < len(names):
            stars[index] = names[nearest + 1]
