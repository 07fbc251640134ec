"""All signatures at once: the chain recovers what was before the camera, in the one order that does."""

from dataclasses import replace

import numpy as np
import pytest

from infra.images import MaskPlane
from tasks.isr import order as orders
from tasks.isr.chain import correct
from tasks.isr.steps import CrosstalkSteps, steps_for
from tasks.isr.work import Calibrations
from tests.isr.raws import LAYOUT
from tests.isr.signatures import (
    COLUMN,
    DARK_TIME,
    GAIN_MAP,
    NAMES,
    NOISE_MAP,
    SHAPE,
    calibrations,
    exposed,
    read_out,
    scene,
)

N_PIXELS = SHAPE[0] * SHAPE[1]


def raw_of(one, order="modern", seed=3):
    adu = exposed(one, order, seed)
    adu[COLUMN.slices] = 5.0
    return read_out(adu, seed)


def chi2(exposure, one):
    """χ² per pixel of a flat-fielded exposure about the scene; 1 for photons and readout."""
    variance = one.expected() + NOISE_MAP**2
    # The level of the row (26 samples), that of the column (24), dithering and rounding (1/12 adu² each).
    variance += NOISE_MAP**2 * np.pi / 2 * (1 / 26 + 1 / 24) + GAIN_MAP**2 / 6
    good = exposure.mask == 0
    error = exposure.image[good] - one.signal[good]
    return float(np.mean(error**2 / (variance / one.flat**2)[good]))


def test_what_was_before_the_camera_comes_out_to_its_photon_noise():
    one = scene()
    steps = replace(steps_for("verifyFlat", "LATISS"), crosstalk=CrosstalkSteps())
    exposure = correct(raw_of(one), LAYOUT, steps, calibrations(one), dark_time=DARK_TIME)
    assert chi2(exposure, one) == pytest.approx(1.0, abs=0.01 + 5 * np.sqrt(2 / N_PIXELS))
    assert np.count_nonzero(exposure.mask) == COLUMN.area
    applied = {key[9:-8] for key, value in exposure.metadata.items() if key.endswith(" APPLIED") and value}
    assert applied == {
        *("OVERSCAN SERIAL", "OVERSCAN PARALLEL", "GAIN", "CROSSTALK", "LINEARIZER"),
        *("BIAS", "DARK", "DEFECTS", "FLAT"),
    }
    # What the photons and the readout leave is what the variance plane says.
    good = exposure.mask == 0
    told = np.mean((exposure.image[good] - one.signal[good]) ** 2 / exposure.variance[good])
    assert told == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("left_out", ["crosstalk", "linearizer", "responses", "defects"])
def test_each_calibration_that_is_left_out_shows(left_out):
    one = scene()
    steps = replace(steps_for("verifyFlat", "LATISS"), crosstalk=CrosstalkSteps())
    known = calibrations(one, **{left_out: None})
    exposure = correct(raw_of(one), LAYOUT, steps, known, dark_time=DARK_TIME)
    assert chi2(exposure, one) > 1.05
    name = {"responses": "GAIN", "defects": "DEFECTS"}.get(left_out, left_out.upper())
    assert exposure.metadata[f"LSST ISR {name} APPLIED"] is (left_out == "responses")


@pytest.mark.parametrize(
    ("moved", "behind"), [("linearity", "bias"), ("crosstalk", "linearity"), ("dark", "flat")]
)
def test_a_step_out_of_its_place_shows(moved, behind, monkeypatch):
    def name_of(stage):
        return [step.__name__ for step in stage] if isinstance(stage, tuple) else stage.__name__

    # Single steps instead of groups, so that any can be moved.
    flat = [
        (step,) if isinstance(stage, tuple) else step
        for stage in orders.ORDERS["modern"]
        for step in (stage if isinstance(stage, tuple) else (stage,))
    ]
    names = [name_of(stage) for stage in flat]
    i, j = (names.index([name] if [name] in names else name) for name in (moved, behind))
    monkeypatch.setitem(orders.ORDERS, "modern", tuple(flat))
    one = scene()
    steps = replace(steps_for("verifyFlat", "LATISS"), crosstalk=CrosstalkSteps())
    whole = correct(raw_of(one), LAYOUT, steps, calibrations(one), dark_time=DARK_TIME)
    assert chi2(whole, one) == pytest.approx(1.0, abs=0.01 + 5 * np.sqrt(2 / N_PIXELS))
    flat.insert(j, flat.pop(i))
    monkeypatch.setitem(orders.ORDERS, "modern", tuple(flat))
    changed = correct(raw_of(one), LAYOUT, steps, calibrations(one), dark_time=DARK_TIME)
    difference = (changed.image - whole.image)[whole.mask == 0]
    # Systematic, well above the rounding of float32 (2e-3 electron at 20000).
    assert np.sqrt(np.mean(difference**2)) > 0.1


def test_the_order_of_2024_04_recovers_what_it_assumes():
    one = scene()
    steps = replace(steps_for("verifyFlat", "LATISS", order="2024-04"), linearize=True)
    steps = replace(steps, crosstalk=CrosstalkSteps())
    known = calibrations(one, "adu")
    exposure = correct(raw_of(one, "2024-04"), LAYOUT, steps, known, dark_time=DARK_TIME)
    assert exposure.unit == "electron"  # gains come last
    assert chi2(exposure, one) == pytest.approx(1.0, abs=0.01 + 5 * np.sqrt(2 / N_PIXELS))
    wrong = correct(raw_of(one, "modern"), LAYOUT, steps, known, dark_time=DARK_TIME)
    difference = (wrong.image - exposure.image)[exposure.mask == 0]
    assert np.sqrt(np.mean(difference**2)) > 0.1
    assert exposure.variance[exposure.mask == 0] == pytest.approx(
        ((one.expected() + NOISE_MAP**2) / one.flat**2)[exposure.mask == 0], rel=0.08
    )


def test_a_calibration_of_2024_04_stays_in_adu():
    one = scene(2000.0)
    steps = steps_for("flat", "LATISS", order="2024-04")
    known = calibrations(one, "adu", crosstalk=None)
    exposure = correct(raw_of(one, "2024-04"), LAYOUT, steps, known, dark_time=DARK_TIME)
    assert exposure.unit == exposure.metadata["LSST ISR UNITS"] == "adu"
    assert exposure.metadata["LSST ISR GAIN APPLIED"] is False
    assert exposure.metadata["LSST ISR BOOTSTRAP"] is False
    # The variance is that of the counts before the dark was subtracted, with the measured gains.
    expected = (one.expected() + NOISE_MAP**2) / GAIN_MAP**2
    assert np.median(exposure.variance / expected) == pytest.approx(1.0, abs=0.02)


def test_a_bootstrap_subtracts_crosstalk_in_adu_by_the_real_gains():
    one = replace_bias(scene(0.0), 0.0)
    one.signal[...] = 0.0
    one.signal[LAYOUT.amplifier("C13").image_box.slices] = 30_000.0
    steps = steps_for("biasBootstrap", "LATISS")
    raw = read_out(exposed(one, seed=4), seed=4)
    only = Calibrations(crosstalk=calibrations(one).crosstalk)
    exposure = correct(raw, LAYOUT, steps, only)
    without = correct(raw, LAYOUT, steps)
    for name in ("C12", "C02"):
        box = LAYOUT.amplifier(name).image_box
        gain = GAIN_MAP[box.y0, box.x0]
        coefficient = one.crosstalk[NAMES.index("C13"), NAMES.index(name)]
        seen = without.image[box.slices].mean(dtype=float) - exposure.image[box.slices].mean(dtype=float)
        assert seen == pytest.approx(coefficient * 30_000.0 / gain, rel=0.02)
    assert exposure.metadata["LSST ISR GAIN C13"] == 1.0
    assert exposure.unit == "adu"


def replace_bias(one, level):
    return replace(one, bias=np.full(SHAPE, level), dark=np.zeros(SHAPE), flat=np.ones(SHAPE))


def test_pixels_that_carry_much_crosstalk_are_flagged_where_something_reads_it():
    one = replace_bias(scene(0.0), 0.0)
    one.signal[...] = 0.0
    box = LAYOUT.amplifier("C13").image_box
    one.signal[box.y0 + 20, box.x0 + 10] = 60_000.0
    raw, only = read_out(exposed(one)), Calibrations(crosstalk=calibrations(one).crosstalk)
    exposure = correct(
        raw,
        LAYOUT,
        replace(steps_for("verifyBias", "LATISS"), subtract_bias=False, mask_saturation=True),
        replace(only, responses=calibrations(one).responses),
    )
    flagged = {
        amplifier.name: np.argwhere(
            exposure.mask[amplifier.image_box.slices] & np.uint16(MaskPlane.CROSSTALK)
        ).tolist()
        for amplifier in LAYOUT.amplifiers
    }
    # The same pixel in the order of readout: mirrored as the amplifiers are; the source is not flagged.
    source = LAYOUT.amplifier("C13")
    ny, nx = source.image_box.shape
    for amplifier in LAYOUT.amplifiers:
        y = 20 if amplifier.flip_y == source.flip_y else ny - 1 - 20
        x = 10 if amplifier.flip_x == source.flip_x else nx - 1 - 10
        expected = [] if amplifier.name == "C13" else [[y, x]]
        assert flagged[amplifier.name] == expected, amplifier.name
    stacked = correct(raw, LAYOUT, steps_for("bias", "LATISS"), only)
    assert not (stacked.mask & np.uint16(MaskPlane.CROSSTALK)).any()
