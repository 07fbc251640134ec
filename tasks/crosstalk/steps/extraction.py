"""Ratios of the signals of two amplifiers in the pixels read at the same moment, from one exposure."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from infra.errors import CalprodError
from infra.images import CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.crosstalk.steps.field import ExtractionSettings, Field
from tasks.crosstalk.steps.places import as_read, grown, read_with_others
from tasks.crosstalk.steps.ratios import CrosstalkRatios

__all__ = ["CrosstalkRatios", "ExtractionSettings", "extract_ratios"]

type FloatArray = npt.NDArray[np.float32]

_FAR = 1
"""Pixels around saturated ones that are no sources: what follows them in readout was not collected there."""


def extract_ratios(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    settings: ExtractionSettings | None = None,
    exposure_id: int | None = None,
) -> CrosstalkRatios:
    """Compare every bright pixel with the pixels of the other amplifiers read at the same moment.

    Parameters
    ----------
    exposure
        Bright compact sources, such as stars or spots, after overscan and gain correction, assembled and
        trimmed; not interpolated.
    layout
        Where the amplifiers lie, and how they are read.
    settings
        The defaults when None.
    exposure_id
        To be kept with the ratios.

    Raises
    ------
    CalprodError
        The exposure has another shape than the layout.

    Notes
    -----
    Rubin cp_pipe. What differs: a target pixel that is itself bad, near a source of its own amplifier, or
    under a fainter star, tells nothing and gives NaN, where Rubin leaves it to the clipping. Neither wings of
    sources nor fainter stars are taken for background. The background is modelled for each amplifier: a
    smooth model of the whole detector fails where amplifiers of different level meet, such as beside a dead
    one. And the source is taken less its background, since the target's background already holds the
    crosstalk of the sky: with a sky of 3 % of the source the coefficients would come out 3 % too small.

    Crosstalk itself stands out like a faint star. So at the places of possible crosstalk no star is looked
    for; what lies there wholly hidden is left to the solution, which sees it in one source and not in others.
    """
    settings = settings or ExtractionSettings()
    image, mask = exposure.image, exposure.mask
    if image.shape != layout.image_shape:
        raise CalprodError(
            f"an exposure of shape {image.shape} for detector {layout.name}, which has {layout.image_shape}",
            "take the layout from the raw itself",
        )
    field = Field.of(image, mask, layout, settings)
    telling = np.where(field.usable & ~field.near & ~field.stars, field.contrast, np.float32(np.nan))
    targets = {one.name: as_read(telling, one) for one in layout.amplifiers}
    # What is no number adds nothing; where an amplifier is saturated nothing is known of what it adds.
    sounding = np.where(field.usable, field.contrast, np.float32(0.0))
    signals = [as_read(sounding, one) for one in layout.amplifiers]
    numbers, n_sources = label(field.detected)
    chosen_of = field.detected & field.usable & ~grown(field.saturated, _FAR)
    chosen_of &= ~read_with_others(field.saturated, layout)
    ratios: dict[tuple[str, str], FloatArray] = {}
    sources: dict[str, npt.NDArray[np.int32]] = {}
    fluxes: dict[str, FloatArray] = {}
    others: dict[str, FloatArray] = {}
    for index, source in enumerate(layout.amplifiers):
        # By place: few of a million pixels are bright, and sixteen amplifiers are looked at for each.
        chosen = np.nonzero(as_read(chosen_of, source))
        fluxes[source.name] = as_read(image, source)[chosen]
        sources[source.name] = np.asarray(as_read(numbers, source)[chosen], np.int32)
        signal = as_read(field.contrast, source)[chosen]
        for name, target in targets.items():
            if name != source.name:
                ratios[name, source.name] = np.asarray(target[chosen] / signal, np.float32)
        beside = np.array([one[chosen] for one in signals], np.float32) / signal
        beside[index] = 0.0
        others[source.name] = beside
    names = tuple(one.name for one in layout.amplifiers)
    positions = _positions(numbers, n_sources)
    return CrosstalkRatios(names, ratios, fluxes, exposure_id, sources, others, field.noise, positions)


def _positions(numbers: npt.NDArray[np.int32], n_sources: int) -> FloatArray:
    """Row and column of the middle of each source, shape (n_sources + 1, 2)."""
    y, x = np.nonzero(numbers)
    of = numbers[y, x]
    n = np.maximum(np.bincount(of, minlength=n_sources + 1), 1)
    sums = [np.bincount(of, axis, minlength=n_sources + 1) for axis in (y, x)]
    return np.asarray(np.stack(sums, axis=1) / n[:, np.newaxis], np.float32)
