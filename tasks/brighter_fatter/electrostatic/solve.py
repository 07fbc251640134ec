"""From a photon transfer curve to the electrostatic model of its detector."""

from collections.abc import Mapping

import numpy as np

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.brighter_fatter.electrostatic.average import average_matrix, matrices_of
from tasks.brighter_fatter.electrostatic.depth import ConversionDepths
from tasks.brighter_fatter.electrostatic.field import boundary_shifts
from tasks.brighter_fatter.electrostatic.fit import FitSettings, fit_parameters
from tasks.brighter_fatter.electrostatic.model import ElectrostaticSolution
from tasks.flat_pairs.curve.model import PhotonTransferCurve

__all__ = ["solve_distortion"]


def solve_distortion(
    curve: PhotonTransferCurve,
    settings: FitSettings,
    *,
    depths: Mapping[str, ConversionDepths] | None = None,
    metadata: Metadata | None = None,
) -> ElectrostaticSolution:
    """Fit the electrostatic model to a photon transfer curve.

    Parameters
    ----------
    curve
        With area changes fitted to its covariances.
    settings
        Of the fit.
    depths
        Where the light of filters is converted, by name; the model is evaluated for each of them.
    metadata
        FITS cards.

    Raises
    ------
    CalprodError
        No amplifier has area changes, or the fit fails.
    """
    matrices = matrices_of(curve)
    if not matrices:
        raise CalprodError(
            "no amplifier of the photon transfer curve has area changes",
            "look at the reasons in its BAD_REASON, and make it again",
        )
    only = curve.amplifier(next(iter(matrices))).a_matrix_error if len(matrices) == 1 else None
    average = average_matrix(list(matrices.values()), only)
    found = fit_parameters(average, settings)
    n = min(settings.fit_range, average.values.shape[0])
    sensor = found.parameters.sensor
    return ElectrostaticSolution(
        average=average,
        fit_range=n,
        parameters=found.parameters,
        errors=found.errors,
        covariance=found.covariance,
        chi_squared=found.chi_squared,
        shifts=boundary_shifts(sensor, n),
        at_bound=found.at_bound,
        gains={one.name: float(one.gain) if np.isfinite(one.gain) else np.nan for one in curve.amplifiers},
        bad_amplifiers=tuple(one.name for one in curve.amplifiers if one.name not in matrices),
        shifts_by_filter={name: boundary_shifts(sensor, n, depth) for name, depth in (depths or {}).items()},
        metadata=metadata or {},
    )
