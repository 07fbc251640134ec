"""Raw mosaics made from known ingredients, at array level."""

import numpy as np

from infra.instruments import camera
from infra.instruments.layout import SegmentModel

SMALL = SegmentModel(naxis1=96, naxis2=110, prescan=3, data_width=61, data_height=80)
"""Reduced LATISS segment: 32 columns of serial, 30 rows of parallel overscan."""

LAYOUT = camera("LATISS").detector(0).layout(SMALL)

E2V_LAYOUT = camera("LSSTCam").detector_named("R22_S11").layout(SMALL)


def raw(signal=0.0, *, seed=0, noise=6.0, offset=20_000.0, drift=3.0, layout=LAYOUT, integer=True):
    """Raw mosaic (adu): offset per amplifier, drift per row, read noise, and a signal in the data pixels.

    Parameters
    ----------
    signal
        Expected counts above the offset (adu), a number or an array of ``layout.image_shape``; its photon
        noise is not added.
    """
    random = np.random.default_rng(seed)
    mosaic = np.zeros(layout.raw_shape)
    signal = np.broadcast_to(np.asarray(signal, float), layout.image_shape)
    for i, amplifier in enumerate(layout.amplifiers):
        shape = amplifier.raw_box.shape
        level = offset + 100.0 * i + np.cumsum(random.normal(0, drift, shape[0]))[:, None]
        mosaic[amplifier.raw_box.slices] = level + random.normal(0, noise, shape)
        mosaic[amplifier.data_box.slices] += signal[amplifier.image_box.slices]
    return np.round(mosaic).astype(np.int32) if integer else mosaic.astype(np.float32)
