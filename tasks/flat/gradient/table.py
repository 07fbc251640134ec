"""The light over the focal plane as a table, in the column layout of Rubin's ip_isr."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import Metadata, finite_cards
from tasks.combine.table_metadata import TableKind
from tasks.flat.gradient.fitting import FocalPlaneBins, GradientFit
from tasks.flat.gradient.model import FlatGradient

__all__ = ["FLAT_GRADIENT_KIND", "gradient_from_table", "gradient_table"]

type FloatArray = npt.NDArray[np.float64]

FLAT_GRADIENT_KIND = TableKind(
    obstype="flatGradient",
    schema="FlatGradient",
    version=1.0,
    calibcls="lsst.ip.isr.flatGradient.FlatGradient",
)
"""By which cards ip_isr knows the table."""

N_RINGS = 50
"""Rings of the radial profile that is kept for people."""


def gradient_table(fit: GradientFit, bins: FocalPlaneBins, cards: Metadata) -> Table:
    """Table with one row.

    Parameters
    ----------
    fit
        The fit.
    bins
        What it was made to.
    cards
        Header: what it was made from.

    Returns
    -------
    table
        The columns of ip_isr's FlatGradient: RADIAL_SPLINE_NODES (mm), RADIAL_SPLINE_VALUES, ITL_RATIO,
        CENTROID_X and _Y (mm), CENTROID_DELTA_X and _Y (mm), GRADIENT_X and _Y (1/mm), OUTER_GRADIENT_X and
        _Y and _RADIUS (not used: 0 and infinite), NORMALIZATION_FACTOR. Beside them, for people:
        DETECTORS, DETECTOR_X, DETECTOR_Y (mm), DETECTOR_LEVELS (median signal), DETECTOR_RESIDUALS (median of
        signal over model, less 1); PROFILE_RADIUS (mm), PROFILE_VALUES (median, as of an E2V sensor without
        slope) and PROFILE_SCATTER in rings; MEDIAN_RESIDUAL, the median absolute residual of the fit.
    """
    gradient = fit.gradient
    single = {
        "ITL_RATIO": gradient.itl_ratio,
        "CENTROID_X": gradient.centre[0],
        "CENTROID_Y": gradient.centre[1],
        "CENTROID_DELTA_X": gradient.shift[0],
        "CENTROID_DELTA_Y": gradient.shift[1],
        "GRADIENT_X": gradient.slope[0],
        "GRADIENT_Y": gradient.slope[1],
        "OUTER_GRADIENT_X": 0.0,
        "OUTER_GRADIENT_Y": 0.0,
        "OUTER_GRADIENT_RADIUS": math.inf,
        "NORMALIZATION_FACTOR": gradient.normalization,
        "MEDIAN_RESIDUAL": float(np.median(np.abs(fit.residual[fit.used]))),
    }
    columns: dict[str, FloatArray] = {
        "RADIAL_SPLINE_NODES": gradient.nodes,
        "RADIAL_SPLINE_VALUES": gradient.values,
        **{name: np.array([value]) for name, value in single.items()},
        **_detectors(fit, bins),
        **_profile(fit, bins),
    }
    table = Table({name: value[np.newaxis] for name, value in columns.items()})
    table.meta.update({key: value for key, value in finite_cards(cards).items() if value is not None})
    return table


def gradient_from_table(table: Table) -> FlatGradient:
    """Return the light over the focal plane, as `gradient_table` or Rubin's ip_isr wrote it.

    Raises
    ------
    CalprodError
        A column is missing, or it has what calprod cannot take out: a second slope beyond some radius.
    """

    def of(name: str) -> list[float]:
        if name not in table.colnames or len(table) != 1:
            raise CalprodError(
                f"a flatGradient of {len(table)} rows with columns {', '.join(table.colnames)} lacks {name}",
                "fit the gradient again",
            )
        return [float(value) for value in np.ravel(table[name][0])]

    outer = [of(name)[0] for name in ("OUTER_GRADIENT_X", "OUTER_GRADIENT_Y") if name in table.colnames]
    if any(outer):
        raise CalprodError("the flatGradient has an outer slope, which is not supported", "fit it without")
    return FlatGradient(
        nodes=np.array(of("RADIAL_SPLINE_NODES")),
        values=np.array(of("RADIAL_SPLINE_VALUES")),
        itl_ratio=of("ITL_RATIO")[0],
        centre=(of("CENTROID_X")[0], of("CENTROID_Y")[0]),
        shift=(of("CENTROID_DELTA_X")[0], of("CENTROID_DELTA_Y")[0]),
        slope=(of("GRADIENT_X")[0], of("GRADIENT_Y")[0]),
        normalization=of("NORMALIZATION_FACTOR")[0],
    )


def _detectors(fit: GradientFit, bins: FocalPlaneBins) -> dict[str, FloatArray]:
    """Place, signal and residual of each detector."""
    numbers = np.unique(bins.detector)
    value = bins.value / fit.gradient.normalization
    members = [bins.detector == number for number in numbers]
    return {
        "DETECTORS": numbers.astype(np.float64),
        "DETECTOR_X": np.array([bins.x[one].mean() for one in members]),
        "DETECTOR_Y": np.array([bins.y[one].mean() for one in members]),
        "DETECTOR_LEVELS": np.array([_median(value[one]) for one in members]),
        "DETECTOR_RESIDUALS": np.array([_median(fit.residual[one & fit.used]) for one in members]),
    }


def _profile(fit: GradientFit, bins: FocalPlaneBins) -> dict[str, FloatArray]:
    """Signal over radius, freed of slope and maker."""
    gradient = fit.gradient
    radius = gradient.radius(bins.x, bins.y)
    with np.errstate(invalid="ignore"):
        value = gradient.radial(bins.x, bins.y) * (1.0 + fit.residual)
    edges = np.linspace(0.0, gradient.nodes[-1], N_RINGS + 1)
    rings: Sequence[npt.NDArray[np.bool_]] = [
        fit.used & (radius >= low) & (radius < high) for low, high in pairwise(edges)
    ]
    medians = np.array([_median(value[ring]) for ring in rings])
    return {
        "PROFILE_RADIUS": 0.5 * (edges[:-1] + edges[1:]),
        "PROFILE_VALUES": medians,
        "PROFILE_SCATTER": np.array(
            [1.4826 * _median(np.abs(value[ring] - m)) for ring, m in zip(rings, medians, strict=True)]
        ),
    }


def _median(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan
