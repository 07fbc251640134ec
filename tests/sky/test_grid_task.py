"""An exposure that shows no sky, such as one beside a bright star, does not cost the others their frame."""

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CalibrationImage
from infra.raws.reader import RawFile
from tasks.combine.raw_inputs import RawInput
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.sky.run.grid_tasks import SkyMeasureTask
from tests.isr.raws import LAYOUT, SMALL, raw
from tests.isr.signatures import GAIN_MAP, GAINS, NAMES, NOISES, SHAPE

FULL = 60_000.0
"""Turnoff (adu)."""


def frame(value):
    """Return a combined frame of one value."""
    planes = np.full(SHAPE, value, np.float32), np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.float32)
    return CalibrationImage(*planes, {"LSST ISR UNITS": "electron", "DARKTIME": 1.0})


KNOWN = Calibrations(
    bias=frame(0.0),
    dark=frame(0.0),
    flat=frame(1.0),
    responses=AmplifierResponses.usable(GAINS, NOISES, dict.fromkeys(NAMES, FULL)),
)


def exposure(number, level):
    """Return a raw of an even sky (electron)."""
    light = np.random.default_rng(number).poisson(level, SHAPE) / GAIN_MAP
    file = RawFile(None, "LATISS", {}, {}, SMALL, LAYOUT, raw(light, seed=number))
    return RawInput(number, 0, 20240326, "y", 60_000.0, 60_000.1, 30.0, 30.0, file)


def measured(levels):
    """Return the table of exposures of such levels."""
    config = SkyMeasureTask.ConfigClass()
    config.mesh, config.order = 40, 3
    raws = [exposure(20240326 + i, level) for i, level in enumerate(levels)]
    return SkyMeasureTask(config=config).run(raws, KNOWN, {}).output


def test_an_exposure_without_sky_is_left_out_of_this_detector(caplog):
    table = measured([2000.0, 3 * FULL, 2500.0])
    assert table["exposure"].tolist() == [20240326, 20240328]
    np.testing.assert_allclose(np.mean(table["mean"], axis=(1, 2)), [2000.0, 2500.0], rtol=2e-3)
    assert "left out of the sky of detector 0: exposure 20240327: 0 usable blocks" in caplog.text


def test_a_detector_that_never_sees_sky_says_why():
    with pytest.raises(CalprodError, match="exposure 20240327: 0 usable blocks"):
        measured([3 * FULL, 3 * FULL])
