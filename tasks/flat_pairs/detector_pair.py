"""One pair of flats of a whole detector."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from infra.errors import CalprodError
from infra.images import CorrectedExposure
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.flat_pairs.model import AmplifierReading, PairDescription, PairMeasurement
from tasks.flat_pairs.pair_statistics import ExtractSettings, measure_amplifier_pair

__all__ = ["measure_pair"]


def measure_pair(
    first: CorrectedExposure,
    second: CorrectedExposure,
    layout: DetectorLayout,
    pair: PairDescription,
    readings: Mapping[str, AmplifierReading] | None = None,
    settings: ExtractSettings | None = None,
    n_threads: int = 1,
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
    n_threads
        Amplifiers measured at a time; the result is the same.

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

    def measure(one: AmplifierLayout) -> PairMeasurement:
        pixels = one.image_box.slices
        return measure_amplifier_pair(
            one.name,
            (first.image[pixels], second.image[pixels]),
            (first.mask[pixels], second.mask[pixels]),
            pair,
            (readings or {}).get(one.name),
            settings,
        )

    if n_threads == 1:
        return tuple(map(measure, layout.amplifiers))
    with ThreadPoolExecutor(n_threads) as pool:
        return tuple(pool.map(measure, layout.amplifiers))
