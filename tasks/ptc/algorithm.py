"""The photon transfer curve: gain, read noise and covariances of every amplifier from pairs of flats."""

from collections.abc import Iterable, Mapping

from infra.errors import CalprodError
from infra.images import CorrectedExposure, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.ptc.dataset.model import AmplifierCurve, AmplifierSeries, PhotonTransferCurve
from tasks.ptc.dataset.table import from_table, to_table
from tasks.ptc.extract.model import AmplifierReading, PairDescription, PairMeasurement
from tasks.ptc.extract.pair_statistics import ExtractSettings, measure_amplifier_pair
from tasks.ptc.extract.pairing import ExposurePair, FlatExposure, PairBy, Pairing, pair_exposures
from tasks.ptc.solve.amplifier import SolveSettings, solve_amplifier
from tasks.ptc.solve.assemble import assemble
from tasks.ptc.solve.model import FitType, OutlierSettings

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


def measure_pair(
    first: CorrectedExposure,
    second: CorrectedExposure,
    layout: DetectorLayout,
    pair: PairDescription,
    readings: Mapping[str, AmplifierReading] | None = None,
    settings: ExtractSettings | None = None,
) -> tuple[PairMeasurement, ...]:
    """Measure every amplifier of a detector in one pair of flats.

    Parameters
    ----------
    first, second
        The two flats (adu), assembled, with overscan, bias and dark removed, without gains or flat.
    layout
        Where the amplifiers lie.
    pair
        What holds for the pair.
    readings
        What signature removal measured, by name of the amplifier.
    settings
        How to measure.

    Returns
    -------
    measurements
        One per amplifier, in the layout's order; one that cannot be measured says why.

    Raises
    ------
    CalprodError
        An exposure is not in adu, or not of the layout's shape.
    """
    for exposure in (first, second):
        if exposure.unit != "adu" or exposure.image.shape != layout.image_shape:
            raise CalprodError(
                f"pair {pair.exposures}: a flat of shape {exposure.image.shape} in {exposure.unit}",
                f"pass flats of shape {layout.image_shape} in adu: the gain is what is sought",
            )
    return tuple(
        measure_amplifier_pair(
            one.name,
            (first.image[one.image_box.slices], second.image[one.image_box.slices]),
            (first.mask[one.image_box.slices], second.mask[one.image_box.slices]),
            pair,
            (readings or {}).get(one.name),
            settings,
        )
        for one in layout.amplifiers
    )


def solve_curve(
    measurements: Iterable[PairMeasurement],
    settings: SolveSettings | None = None,
    metadata: Metadata | None = None,
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

    Returns
    -------
    curve
        An amplifier that cannot be fitted is in it with its reason, and leaves the others alone.

    Raises
    ------
    CalprodError
        The measurements do not belong together, see `tasks.ptc.solve.assemble.assemble`, or fewer lags were
        measured than are to be fitted.
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
            solve_amplifier(name, series, pairs.reasons[name], settings)
            for name, series in pairs.series.items()
        ),
        auxiliary=pairs.auxiliary,
        metadata=metadata or {},
    )
