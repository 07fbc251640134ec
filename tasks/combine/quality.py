"""Numbers in the header by which a combined calibration can be judged without reading it."""

import numpy as np
import numpy.typing as npt

from infra.images import MaskPlane, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.combine.order_statistics import quantiles

__all__ = ["PERCENTILES", "quality_cards"]

PERCENTILES = (0, 5, 16, 50, 84, 95, 100)
"""Percentiles of the pixels of each amplifier that the header records."""


def quality_cards(
    calibration: str,
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    layout: DetectorLayout,
) -> Metadata:
    """Cards with the distribution of each amplifier's pixels and the number of BAD ones.

    Parameters
    ----------
    calibration
        Such as "bias"; written in capitals.
    image, mask
        The combined calibration, shape ``layout.image_shape``.
    layout
        Says where the amplifiers lie.

    Notes
    -----
    Rubin cp_pipe: ``LSST CALIB <TYPE> <amp> DISTRIBUTION <p>-PCT``, ``LSST CALIB <TYPE> <amp> BADPIX-NUM``.
    """
    cards: Metadata = {}
    for amplifier in layout.amplifiers:
        pixels = image[amplifier.image_box.slices].ravel()
        prefix = f"LSST CALIB {calibration.upper()} {amplifier.name}"
        inner = quantiles(pixels, (0.05, 0.16, 0.50)) + quantiles(pixels, (0.84, 0.95, 0.95))[:2]
        values = (float(pixels.min()), *inner, float(pixels.max()))
        for percent, value in zip(PERCENTILES, values, strict=True):
            cards[f"{prefix} DISTRIBUTION {percent}-PCT"] = value
        bad = mask[amplifier.image_box.slices] & np.uint16(MaskPlane.BAD)
        cards[f"{prefix} BADPIX-NUM"] = int(np.count_nonzero(bad))
    return cards
