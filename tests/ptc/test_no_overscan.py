"""A camera without overscan: a bias tells the level, and the fit alone the read noise."""

import numpy as np
import pytest

from infra.images import CalibrationImage
from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from infra.raws.reader import RawFile
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.isr.calibrations import Calibrations
from tasks.ptc.algorithm import FitType, FlatExposure, from_table, pair_exposures
from tasks.ptc.pipeline_task import PtcConfig, PtcTask

BARE = SegmentModel(naxis1=60, naxis2=70, prescan=0, data_width=60, data_height=70)
LAYOUT = camera("LATISS").detector(0).layout(BARE)
GAIN, READ_NOISE, PEDESTAL = 1.3, 9.0, 1200.0
FIRST = 2024031800001
LEVELS = (30.0, 60.0, 120.0, 300.0, 1000.0, 4000.0, 12_000.0, 25_000.0, 40_000.0, 60_000.0)
"""electron"""


def read(exposure):
    random = np.random.default_rng(exposure)
    electrons = random.poisson(LEVELS[(exposure - FIRST) // 2], LAYOUT.raw_shape)
    electrons = electrons + random.normal(0, READ_NOISE, LAYOUT.raw_shape)
    image = np.round(electrons / GAIN + PEDESTAL).astype(np.int32)
    raw = RawFile(None, "LATISS", {}, {}, BARE, LAYOUT, image)
    return RawInput(exposure, 0, 20240318, "white", 60_000.0, 60_000.1, 1.0, 1.0, raw)


def test_gain_and_read_noise_need_no_overscan():
    flats = [
        FlatExposure(FIRST + 2 * i + k, 1.0 + i, 60_000.0 + i + 0.1 * k)
        for i in range(len(LEVELS))
        for k in (0, 1)
    ]
    config = PtcConfig()
    config.update(edge=0, minimum_pixels=1000, n_lags=1, fit_type=FitType.EXPONENTIAL.value)
    planes = (np.uint16, np.float32)
    bias = CalibrationImage(
        np.full(LAYOUT.image_shape, PEDESTAL, np.float32),
        *(np.zeros(LAYOUT.image_shape, dtype) for dtype in planes),
        {"LSST ISR UNITS": "adu"},
    )
    result = PtcTask(config=config).run(pair_exposures(flats), read, Priors(Calibrations(bias=bias)))
    curve = from_table(result.output)
    assert curve.bad_amplifiers == ()
    gains = np.array([one.gain_unadjusted for one in curve.amplifiers])
    errors = np.array([one.gain_error for one in curve.amplifiers])
    assert np.mean(gains) == pytest.approx(GAIN, abs=4 * np.mean(errors) / 4)
    noises = np.array([one.noise for one in curve.amplifiers])
    errors = np.array([one.noise_error for one in curve.amplifiers])
    assert np.mean(noises) == pytest.approx(READ_NOISE, abs=4 * np.mean(errors) / 4)
    assert np.isnan(curve.amplifiers[0].series.overscan_noise).all()
