"""Numbers of each amplifier that go into the header once all corrections are done."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.combine.clipping import clipped_statistics_of_amplifier

__all__ = ["final_statistics"]


def final_statistics(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    layout: DetectorLayout,
    metadata: Metadata,
) -> Metadata:
    """Cards with the level and scatter of each amplifier and the number of flagged pixels.

    Parameters
    ----------
    image, mask
        Corrected image and its mask, shape ``layout.image_shape``.
    layout
        Where the amplifiers lie.
    metadata
        Cards so far: LEVEL is relative to the median of the serial overscan.

    Returns
    -------
    cards
        ``LSST ISR FINAL MEAN|MEDIAN|STDEV <amp>`` (all pixels; the scatter clipped at 3 σ), ``LSST ISR MASK
        SAT|BAD|SUSPECT <amp>`` and ``LSST ISR LEVEL <amp>`` (Rubin ip_isr).
    """
    cards: Metadata = {}
    for amplifier in layout.amplifiers:
        name = amplifier.name
        pixels, flags = image[amplifier.image_box.slices], mask[amplifier.image_box.slices]
        clipped = clipped_statistics_of_amplifier(pixels)
        finite = pixels if clipped.n_valid == pixels.size else pixels[np.isfinite(pixels)]
        cards[f"LSST ISR FINAL MEAN {name}"] = (
            float(finite.mean(dtype=np.float64)) if finite.size else float("nan")
        )
        cards[f"LSST ISR FINAL MEDIAN {name}"] = clipped.median
        cards[f"LSST ISR FINAL STDEV {name}"] = clipped.standard_deviation
        for plane in (MaskPlane.SAT, MaskPlane.BAD, MaskPlane.SUSPECT):
            cards[f"LSST ISR MASK {plane.name} {name}"] = int(np.count_nonzero(flags & np.uint16(plane)))
        offset = metadata.get(f"LSST ISR OVERSCAN SERIAL MEDIAN {name}")
        cards[f"LSST ISR LEVEL {name}"] = clipped.median - (offset if isinstance(offset, float) else np.nan)
    return cards
