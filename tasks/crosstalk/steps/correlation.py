"""How much the measurements of one source have in common, and by how much that raises the errors."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Spread", "correlation_factor", "spread_of"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Two sums over the measurements of one pair of amplifiers, equal on average if all are independent."""

    single: float = 0.0
    """Squares of the deviations of single measurements from their mean."""
    grouped: float = 0.0
    """Squares of the sums of these deviations over the pixels of each source."""


def spread_of(deviations: npt.NDArray[np.float64], groups: npt.NDArray[np.int64]) -> Spread:
    """Spread of the measurements of a pair, each sum corrected for the mean that was taken from it.

    Parameters
    ----------
    deviations
        Measurements less their mean (or line), shape (n,).
    groups
        Number of the source of each, shape (n,).

    Returns
    -------
    spread
        Nothing from a single source, which tells nothing of others.
    """
    n = deviations.size
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1 if n else 0
    if n_groups < 2:
        return Spread()
    sums = np.bincount(group, deviations)
    # The mean takes one part in n of each single square, and from a group in proportion to its size.
    sizes = np.bincount(group)
    share = float((sizes / n * (1.0 - sizes / n)).sum())
    return Spread(
        single=float((deviations**2).sum()) * n / (n - 1),
        grouped=float((sums**2).sum()) / share,
    )


def correlation_factor(spreads: Iterable[Spread]) -> float:
    """Error of a mean relative to what it would be if all measurements were independent; 1 at least.

    Parameters
    ----------
    spreads
        Of all pairs with one target. A single pair, with a score of sources, would give its own factor to a
        sixth only; a target is read in the same way whatever the source.

    Notes
    -----
    The variance of a mean of clustered measurements is the sum over clusters of the squared sums of their
    deviations (Liang & Zeger 1986, Biometrika 73, 13), over the square of their number. Pixels of one source
    share the noise of the overscans of their rows and columns, what the model of the background leaves, and
    the structure of the bias.
    """
    pairs = list(spreads)
    single = math.fsum(one.single for one in pairs)
    grouped = math.fsum(one.grouped for one in pairs)
    return math.sqrt(max(1.0, grouped / single)) if single > 0 else 1.0
