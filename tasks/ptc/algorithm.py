"""The photon transfer curve: gain, read noise and covariances of every amplifier from pairs of flats."""

from collections.abc import Iterable, Mapping

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import AmplifierCurve, AmplifierSeries, PhotonTransferCurve
from tasks.flat_pairs.curve.table import from_table, to_table
from tasks.flat_pairs.detector_pair import measure_pair
from tasks.flat_pairs.model import AmplifierReading, PairDescription, PairMeasurement
from tasks.flat_pairs.pair_statistics import ExtractSettings
from tasks.flat_pairs.pairing import ExposurePair, FlatExposure, PairBy, Pairing, pair_exposures
from tasks.ptc.solve.amplifier import SolveSettings, solve_amplifier
from tasks.ptc.solve.assemble import assemble
from tasks.ptc.solve.model import OutlierSettings

__all__ = [
    "AmplifierCurve",
    "AmplifierReading",
    "AmplifierSeries",
    "ExposurePair",
    "ExtractSettings",
    "FitType",
    "FlatExposure",
    "OutlierSettings",
    "PairBy",
    "PairDescription",
    "PairMeasurement",
    "Pairing",
    "PhotonTransferCurve",
    "SolveSettings",
    "from_table",
    "measure_pair",
    "pair_exposures",
    "solve_curve",
    "to_table",
]


def solve_curve(
    measurements: Iterable[PairMeasurement],
    settings: SolveSettings | None = None,
    metadata: Metadata | None = None,
    overscan_variance: Mapping[str, float] | None = None,
) -> PhotonTransferCurve:
    """Fit the photon transfer curve of every amplifier.

    Parameters
    ----------
    measurements
        One per amplifier and pair, in any order.
    settings
        How to fit.
    metadata
        FITS cards of the product.
    overscan_variance
        What the subtraction of overscan levels adds to the variance of each amplifier, in units of its read
        noise squared. It is taken out of the noise, and left in n² and the noise matrix.

    Returns
    -------
    curve
        An amplifier that cannot be fitted is in it with its reason, and leaves the others alone.

    Raises
    ------
    CalprodError
        The measurements do not belong together, see `tasks.ptc.solve.assemble.assemble`, or fewer lags were
        measured than are to be fitted.

    Notes
    -----
    cp_pipe's NOISE is √n² of pixels from which the medians of overscan rows and columns were subtracted; with
    the overscans of LATISS that is 3 % more than the noise of the amplifier, which nominal values are of.
    """
    settings = settings or SolveSettings()
    pairs = assemble(measurements)
    side = settings.fit_side or pairs.matrix_side
    if not 1 <= side <= pairs.matrix_side:
        raise CalprodError(
            f"a fit of {side} lags to covariances of {pairs.matrix_side}",
            "measure more lags, or fit fewer",
        )
    return PhotonTransferCurve(
        fit_type=settings.fit_type,
        matrix_side=pairs.matrix_side,
        fit_side=side,
        amplifiers=tuple(
            solve_amplifier(
                name, series, pairs.reasons[name], settings, (overscan_variance or {}).get(name, 0.0)
            )
            for name, series in pairs.series.items()
        ),
        auxiliary=pairs.auxiliary,
        metadata=metadata or {},
    )
