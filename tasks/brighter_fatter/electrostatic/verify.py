"""Verification of an electrostatic model: it must reproduce the covariances it was fitted to.

Of the detector: ``REDUCED_CHI2``, of the fit with the scatter of the amplifiers as error (cp_pipe's);
``A00_RESIDUAL``, model less measured central area change over the measured one, ``A10_RESIDUAL`` and
``A01_RESIDUAL`` the same of serial and parallel neighbours; ``WORST_PULL``, the largest difference in units
of the scatter; ``SUM_RULE``, sum of the area changes that the shifts make over the size of the central one,
nearly 0 as charge only moves; ``SHIFT_CONTINUITY``, by how much a boundary has two shifts, seen from either
side, over the largest shift; ``AXES``, difference of parallel and serial neighbours by the shifts over that
measured, 1 where the axes agree and −1 where they are exchanged; ``AXES_CONTRADICTION``, standard errors by
which what was measured contradicts their sense; ``N_AT_BOUND``, parameters at a bound other than the
extents of the charge; ``N_GOOD``, amplifiers that took part, and ``N_BAD``, those that did not.
"""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.instruments.layout import DetectorLayout
from tasks.brighter_fatter.electrostatic.model import mirrored_sum
from tasks.brighter_fatter.electrostatic.table import StoredDistortion, from_table
from tasks.verification.model import StatisticValues
from tasks.verification.quantum import ProductMeasurement

__all__ = ["product_statistics"]

type FloatArray = npt.NDArray[np.float64]

_EXTENTS = ("a", "b")
"""The charge may fill its pixel, so that its extent ends at the bound."""

_SIGNIFICANT = 5.0
"""Standard errors by which neighbours along the two axes must differ for the axes to be told apart."""


def product_statistics(table: Table, layout: DetectorLayout) -> ProductMeasurement:
    """Measure an electrostatic model.

    Parameters
    ----------
    table
        As the task wrote it.
    layout
        The detector.

    Returns
    -------
    measurement
        Statistics as above.
    """
    stored = from_table(table)
    names = [one.name for one in layout.amplifiers]
    # The model is one for the detector: it does without an amplifier that the curve does not tell of.
    problems = {name: "the model leaves it out" for name in names if name not in stored.gains}
    n_bad = len(problems) + len([name for name in stored.bad_amplifiers if name in names])
    statistics: StatisticValues = {
        "REDUCED_CHI2": stored.chi_squared_per_dof,
        **_residuals(stored),
        "SUM_RULE": _sum_rule(stored),
        "SHIFT_CONTINUITY": _continuity(stored),
        "N_AT_BOUND": float(len([name for name in stored.at_bound if name not in _EXTENTS])),
        "N_GOOD": float(len(names) - n_bad),
        "N_BAD": float(n_bad),
    }
    return ProductMeasurement({}, statistics, problems)


def _residuals(stored: StoredDistortion) -> StatisticValues:
    """Differences of model and measurement."""
    n = stored.modelled.shape[0]
    measured, scatter = stored.measured[:n, :n], stored.scatter[:n, :n]
    difference = stored.modelled - measured
    error = scatter / np.sqrt(np.maximum(stored.n_used[:n, :n], 1))
    area = _area(stored)
    along = float(measured[0, 1] - measured[1, 0])
    least = max(float(np.hypot(error[0, 1], error[1, 0])), np.finfo(float).tiny)
    is_told = abs(along) > _SIGNIFICANT * least
    sense = float(np.sign(area[0, 1] - area[1, 0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(difference) / scatter
    return {
        "A00_RESIDUAL": float(difference[0, 0] / measured[0, 0]),
        "A10_RESIDUAL": float(difference[1, 0] / measured[1, 0]),
        "A01_RESIDUAL": float(difference[0, 1] / measured[0, 1]),
        "WORST_PULL": float(np.nanmax(pulls)),
        "AXES": float(area[0, 1] - area[1, 0]) / along if is_told else np.nan,
        "AXES_CONTRADICTION": -along * sense / least,
    }


def _sum_rule(stored: StoredDistortion) -> float:
    """Sum of the area changes that the shifts make, in units of the central one."""
    area = _area(stored)
    return mirrored_sum(area) / abs(float(area[0, 0]))


def _area(stored: StoredDistortion) -> FloatArray:
    """Area changes that the shifts make."""
    return stored.north + stored.south + stored.east + stored.west


def _continuity(stored: StoredDistortion) -> float:
    """Largest disagreement on where a boundary is."""
    steps = (
        stored.north[:, :-1] + stored.south[:, 1:],
        stored.east[:-1] + stored.west[1:],
        stored.north[:, 0] - stored.south[:, 0],
        stored.east[0] - stored.west[0],
    )
    largest = max(float(np.abs(one).max()) for one in (stored.north, stored.east))
    return max(float(np.abs(one).max()) for one in steps) / largest
