"""The curve in the order of 2024-04: bias and dark subtracted, everything in adu."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CalibrationImage
from tasks.combine.priors import Priors
from tasks.isr.calibrations import Calibrations
from tasks.ptc.algorithm import FitType, from_table
from tasks.ptc.pipeline_task import PtcConfig, PtcTask
from tests.ptc.sequences import SimulatedSequence, sequence_night

TIMES = (0.1, 0.4, 1.0, 2.0, 4.0, 6.0, 8.0)


def task():
    config = PtcConfig()
    config.isr.order = "2024-04"
    config.update(
        edge=4, minimum_pixels=500, n_lags=1, fit_type=FitType.EXPONENTIAL.value, adjust_gains=False
    )
    return PtcTask(config=config)


@pytest.fixture(scope="module")
def simulated():
    return SimulatedSequence(sequence_night(TIMES, segment={"data_width": 64, "data_height": 80}))


def blank(simulated):
    shape = simulated.sensor.layout.image_shape
    planes = np.zeros(shape, np.float32), np.zeros(shape, np.uint16), np.zeros(shape, np.float32)
    return CalibrationImage(*planes, {"LSST ISR UNITS": "adu", "DARKTIME": 1.0})


def test_gains_come_out_as_in_the_modern_order(simulated):
    known = Calibrations(bias=blank(simulated), dark=blank(simulated))
    result = task().run(simulated.pairing(), simulated.read, Priors(known))
    curve = from_table(result.output)
    gains = np.array([one.gain for one in curve.amplifiers])
    errors = np.array([one.gain_error for one in curve.amplifiers])
    assert curve.bad_amplifiers == ()
    # Few pixels: the curve is good to 1 % an amplifier, and its own errors say so.
    assert np.median(np.abs(gains / simulated.sensor.gain - 1.0)) < 0.02
    assert np.median(np.abs(gains - simulated.sensor.gain) / errors) < 3.0
    assert all(np.isnan(one.series.offsets).all() for one in curve.amplifiers)


def test_the_bias_is_asked_for(simulated):
    with pytest.raises(CalprodError, match="need a bias"):
        task().run(simulated.pairing(), simulated.read, Priors(Calibrations(dark=blank(simulated))))
