"""Small exposures of a known make, for the tests of the stack."""

from datetime import UTC, datetime

import numpy as np

from infra.images import CorrectedExposure
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from tasks.combine.calibration import CombineOptions
from tasks.combine.metadata import CombineInput

SMALL = SegmentModel(naxis1=64, naxis2=60, prescan=3, data_width=37, data_height=40)
"""A LATISS segment of reduced size: 24 columns of serial, 20 rows of parallel overscan."""

LAYOUT = camera("LATISS").detector(0).layout(SMALL)

CREATED = datetime(2024, 4, 5, 6, 7, 8, tzinfo=UTC)


def options(**changes):
    return CombineOptions(**({"layout": LAYOUT, "created": CREATED} | changes))


def exposure(image, mask=None, variance=64.0, unit="electron", **metadata):
    image = np.asarray(image, np.float32)
    mask = np.zeros(image.shape, np.uint16) if mask is None else np.asarray(mask, np.uint16)
    return CorrectedExposure(image, mask, np.full(image.shape, variance, np.float32), unit, dict(metadata))


def described(i, exposure_time=0.0, dark_time=0.0, **header):
    begin = 60400.0 + i / 1440.0
    return CombineInput(
        exposure=2024032600000 + i,
        begin_mjd=begin,
        end_mjd=begin + exposure_time / 86400.0,
        exposure_time=exposure_time,
        dark_time=dark_time,
        header=dict(header),
    )
