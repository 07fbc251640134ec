"""Deferred charge, brighter-fatter, fringes and corrected gains in the chain, header and mask included."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.layout import Box
from infra.raws.reader import RawFile
from tasks.combine.pipeline_task import corrected as corrected_raw
from tasks.combine.raw_inputs import RawInput
from tasks.isr.brighter_fatter import BrighterFatterSettings, correct_brighter_fatter
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.isr.chain import correct
from tasks.isr.config import IsrConfig
from tasks.isr.cti import DeferredCharge
from tasks.isr.cti_statistics import read_cti_statistics
from tasks.isr.distortion import correct_distortion
from tasks.isr.linearity import LinearityCorrection
from tasks.isr.preparation import wanted_calibrations
from tasks.isr.steps import IsrSteps, steps_for
from tests.isr.brighter_fatter_truth import kernel, matrix
from tests.isr.raws import E2V_LAYOUT, LAYOUT, SMALL, raw
from tests.isr.signatures import GAIN_MAP, GAINS, NAMES, NOISES, SHAPE

RESPONSES = AmplifierResponses.usable(GAINS, NOISES, dict.fromkeys(NAMES, 90_000.0))
PLAIN = IsrSteps(dithering=None, optional=frozenset({"ptc", "defects", "linearizer"}), make_statistics=False)
"""Overscan and gains only."""


def signal(level=30_000.0, seed=5):
    """Charge of a flat over the gains (adu)."""
    return np.random.default_rng(seed).poisson(level, SHAPE) / GAIN_MAP


def corrected(steps, pixels=None, **known):
    known = {"responses": RESPONSES} | known
    frame = raw(signal(), noise=0.0, drift=0.0) if pixels is None else pixels
    return correct(frame, LAYOUT, steps, Calibrations(**known))


METHODS = {
    "COULTON18": ({"bfk": kernel()}, lambda image: correct_brighter_fatter(image, kernel())),
    "COULTON18_FLUX_CONSERVING": (
        {"bfk": kernel()},
        lambda image: correct_brighter_fatter(
            image, kernel(), BrighterFatterSettings("COULTON18_FLUX_CONSERVING")
        ),
    ),
    "ASTIER23": ({"distortion": matrix()}, lambda image: correct_distortion(image, matrix())),
}


@pytest.mark.parametrize("method", METHODS)
def test_each_method_corrects_the_charge_of_the_image(method):
    known, direct = METHODS[method]
    steps = replace(PLAIN, brighter_fatter=BrighterFatterSettings(method))
    without = corrected(PLAIN)
    found = corrected(steps, **known)
    expected = without.image.copy()
    direct(expected)
    # Only the difference is added, rounded at 3e4 electron.
    np.testing.assert_allclose(found.image, expected, atol=0.01)
    assert np.std(found.image - without.image) > 1.0
    cards = found.metadata
    assert (cards["LSST ISR BF APPLIED"], cards["LSST ISR BF CORR METHOD"]) == (True, method)
    assert (cards["LSST ISR BF ITERS"] > 1) is (method != "ASTIER23")
    assert cards["LSST ISR BF CONVERGED"] is True
    reach = known["distortion"].half_width if method == "ASTIER23" else known["bfk"].half_width
    edge = (found.mask & np.uint16(MaskPlane.EDGE)) != 0
    assert edge[:reach].all()
    assert edge[:, -reach:].all()
    assert not edge[reach:-reach, reach:-reach].any()


def test_an_image_in_adu_is_corrected_in_electrons():
    steps = replace(PLAIN, brighter_fatter=BrighterFatterSettings())
    in_electrons = corrected(steps, bfk=kernel())
    of_kernel = replace(kernel(), gains=GAINS)
    adu = replace(steps, bootstrap=True, apply_gains=False)
    in_adu = corrected(adu, bfk=of_kernel, responses=None)
    np.testing.assert_allclose(in_adu.image * GAIN_MAP, in_electrons.image, atol=0.02)
    # A kernel without gains takes those of the curve.
    np.testing.assert_array_equal(corrected(adu, bfk=kernel()).image, in_adu.image)


def test_what_holds_no_measurement_is_bridged_and_grows():
    """A dead column, and a pixel that is no number, do not pull at their neighbours."""
    column = Box(150, 0, 1, 80)
    pixels = raw(signal(), noise=0.0, drift=0.0).astype(np.float32)
    blank = LAYOUT.amplifier("C12")
    pixels[blank.data_box.y0 + 40, blank.data_box.x0 + 30] = np.nan
    steps = replace(PLAIN, brighter_fatter=BrighterFatterSettings(), mask_defects=True)
    broken = signal()
    broken[column.slices] = 0.0
    frame = raw(broken, noise=0.0, drift=0.0).astype(np.float32)
    frame[blank.data_box.y0 + 40, blank.data_box.x0 + 30] = np.nan
    found = corrected(steps, frame, bfk=kernel(), defects=(column,))
    sound = corrected(steps, bfk=kernel(), defects=())
    near = np.abs(found.image - sound.image)[12:68, 153:165]
    assert near.max() < 60.0  # the noise of the column, a thousandth of its level, is all that is missing
    bad = (found.mask & np.uint16(MaskPlane.BAD)) != 0
    assert bad[:80, 148:153].all()
    assert not bad[:, 155:].any()
    assert not bad[:76, :148].any()
    unknown = (found.mask & np.uint16(MaskPlane.UNMASKEDNAN)) != 0
    assert np.count_nonzero(unknown) == 13  # two steps along rows and columns
    assert np.count_nonzero(np.isnan(found.image)) == 1
    # The column itself keeps what it has read, but for the difference that was made.
    assert np.abs(found.image[column.slices]).max() < 500.0


def test_a_correction_that_does_not_converge_says_so(caplog):
    settings = BrighterFatterSettings(max_iterations=2, threshold=1e-9)
    steps = replace(PLAIN, brighter_fatter=settings)
    file = RawFile(None, "LATISS", {}, {}, SMALL, LAYOUT, raw(signal(), noise=0.0, drift=0.0))
    frame = RawInput(20240101, 0, 20240101, "white", 60_000.0, 60_000.1, 1.0, 1.0, file)
    found = corrected_raw(frame, steps, Calibrations(responses=RESPONSES, bfk=kernel()))
    assert found.metadata["LSST ISR BF CONVERGED"] is False
    assert found.metadata["LSST ISR BF ITERS"] == 2
    assert "exposure 20240101: the brighter-fatter correction did not converge" in caplog.text


CHARGE = DeferredCharge(drift_scale=2e-3, decay_time=2.0)


def deferred(layout, level):
    """Raw mosaic (electron = adu) of a level, whose output amplifiers keep an offset of what they read."""
    mosaic = np.full(layout.raw_shape, 1000.0, np.float32)
    for one in layout.amplifiers:
        segment = np.zeros(one.raw_box.shape)
        box = one.data_box
        segment[
            box.y0 - one.raw_box.y0 : box.y1 - one.raw_box.y0,
            box.x0 - one.raw_box.x0 : box.x1 - one.raw_box.x0,
        ] = level
        flips = -1 if one.readout_corner[0] == "U" else 1, -1 if one.readout_corner[1] == "R" else 1
        as_read = segment[:: flips[0], :: flips[1]]
        offsets = [
            CHARGE.drift_scale
            * np.exp(-j / CHARGE.decay_time)
            * np.pad(as_read, ((0, 0), (j, 0)))[:, : as_read.shape[1]]
            for j in range(15)
        ]
        read = as_read + np.max(offsets, axis=0)
        mosaic[one.raw_box.slices] += read[:: flips[0], :: flips[1]]
    return mosaic


@pytest.mark.parametrize("layout", [LAYOUT, E2V_LAYOUT])
def test_deferred_charge_is_given_back_in_every_corner(layout):
    """All eight or sixteen segments, mirrored as they are: the trail behind the data is gone."""
    names = [one.name for one in layout.amplifiers]
    gains = AmplifierResponses.usable(*(dict.fromkeys(names, value) for value in (1.0, 5.0, 9e4)))
    steps = IsrSteps(
        dithering=None, serial_overscan=None, parallel_overscan=None, correct_cti=True, cti_statistics=True
    )
    mosaic = deferred(layout, 20_000.0) - 1000.0
    known = Calibrations(responses=gains, cti=dict.fromkeys(names, CHARGE))
    found = correct(mosaic, layout, steps, known)
    assert found.metadata["LSST ISR CTI APPLIED"] is True
    # The inverse takes the offset of what is read for that of the charge itself: off by 2e-3 of it.
    np.testing.assert_allclose(found.image, 20_000.0, atol=2 * 2e-3 * 40.0)
    after = read_cti_statistics(found.metadata)
    bare = correct(mosaic, layout, replace(steps, correct_cti=False), known)
    before = read_cti_statistics(bare.metadata)
    assert set(after) == set(before) == set(names)
    for name in names:
        assert before[name].serial_overscan[0] == pytest.approx(40.0 * np.exp(-0.5), rel=1e-4)
        assert abs(after[name].serial_overscan[0]) < 0.1
        assert after[name].image_mean == pytest.approx(20_000.0, abs=0.2)
        assert before[name].last_column_mean == pytest.approx(20_040.0, abs=0.1)
        assert after[name].input_turnoff == 9e4


def test_defects_count_for_no_mean():
    """A column that reads nonsense, across two amplifiers, in the corner where each of them begins."""
    names = [one.name for one in LAYOUT.amplifiers]
    gains = AmplifierResponses.usable(*(dict.fromkeys(names, value) for value in (1.0, 5.0, 9e4)))
    steps = IsrSteps(
        dithering=None, serial_overscan=None, parallel_overscan=None, mask_defects=True, cti_statistics=True
    )
    column = Box(0, 10, 1, LAYOUT.image_shape[0] - 20)
    mosaic = np.zeros(LAYOUT.raw_shape, np.float32)
    for one in LAYOUT.amplifiers:
        data, box = np.full(one.image_box.shape, 500.0), one.image_box
        if box.x0 == 0:
            rows = slice(max(column.y0 - box.y0, 0), max(column.y1 - box.y0, 0))
            data[rows, 0] = 9e4
        mosaic[one.data_box.slices] = data
    known = Calibrations(responses=gains, defects=(column,))
    for name, found in read_cti_statistics(correct(mosaic, LAYOUT, steps, known).metadata).items():
        assert (found.first_column_mean, found.last_column_mean, found.image_mean) == (500.0,) * 3, name


def test_gains_of_the_linearizer_serve_before_there_is_a_curve():
    of_linearizer = AmplifierResponses.usable(
        GAINS, dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 7e4), (), "linearizer"
    )
    straight = {name: LinearityCorrection("None", np.zeros(0)) for name in NAMES}
    known = Calibrations(
        linearizer=straight,
        linearizer_responses=of_linearizer,
        responses=AmplifierResponses.usable(dict.fromkeys(NAMES, 9.0), NOISES, dict.fromkeys(NAMES, 1.0)),
    )
    found = correct(raw(signal(), noise=6.0), LAYOUT, steps_for("cti", "LATISS"), known)
    assert found.metadata["LSST ISR GAIN SOURCE"] == "LINEARIZER"
    assert found.metadata["LSST ISR GAIN C11"] == GAINS["C11"]
    assert found.image.mean(dtype=float) == pytest.approx(30_000.0, rel=1e-3)
    # The read noise is that of the overscan, with the clip's 1.3 % and a sample of 26 columns by 110 rows.
    assert found.metadata["LSST ISR READNOISE C11"] == pytest.approx(6.0 * GAINS["C11"], rel=0.08)
    assert set(read_cti_statistics(found.metadata)) == set(NAMES)


def test_gains_are_corrected_by_what_flats_have_shown():
    factors = {name: 1.0 + 0.01 * i for i, name in enumerate(NAMES)}
    steps = replace(PLAIN, correct_gains=True)
    found, without = corrected(steps, gain_correction=factors), corrected(PLAIN)
    assert found.metadata["LSST ISR GAINCORRECTION APPLIED"] is True
    for one in LAYOUT.amplifiers:
        pixels = one.image_box.slices
        np.testing.assert_allclose(found.image[pixels], without.image[pixels] / factors[one.name], rtol=1e-6)
        assert found.metadata[f"LSST ISR GAIN {one.name}"] == GAINS[one.name] / factors[one.name]
    with pytest.raises(CalprodError, match="knows no gains to apply"):
        corrected(replace(steps, bootstrap=True, apply_gains=False), gain_correction=factors)
    with pytest.raises(CalprodError, match="no correction of the gain for amplifier C11"):
        corrected(steps, gain_correction={"C10": 1.0})


def test_fringes_go_after_the_flat():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    pattern = 0.02 * np.sin(x / 9.0 + y / 13.0)
    fringe = CalibrationImage(
        pattern.astype(np.float32), np.zeros(SHAPE, np.uint16), np.full(SHAPE, 1e-9, np.float32), {}
    )
    frame = raw(3000.0 * (1.0 + pattern) / GAIN_MAP, noise=0.0, drift=0.0)
    found = corrected(replace(PLAIN, subtract_fringe=True), frame, fringe=fringe)
    assert found.metadata["LSST ISR FRINGE APPLIED"] is True
    # Without noise but that of rounding to whole counts, 0.3 electron a pixel.
    assert found.metadata["LSST ISR FRINGE AMPLITUDE"] == pytest.approx(3000.0, rel=1e-2)
    assert np.std(found.image) < 1.0 < np.std(corrected(PLAIN, frame).image)


def charge_steps(purpose, instrument):
    steps = steps_for(purpose, instrument)
    method = None if steps.brighter_fatter is None else steps.brighter_fatter.method
    return steps.correct_cti, method


def test_each_camera_corrects_what_rubin_corrects_in_it():
    """Rubin's cp_pipe and obs_lsst."""
    for instrument in ("LATISS", "LSSTComCam", "LSSTCam"):
        assert charge_steps("ptc", instrument) == charge_steps("verifyPtc", instrument) == (True, None)
        assert charge_steps("linearizerPtc", instrument) == charge_steps("dark", instrument) == (False, None)
        assert charge_steps("verifyBfk", instrument) == (True, "COULTON18")
    assert charge_steps("flat", "LATISS") == charge_steps("verifyFlat", "LATISS") == (False, "COULTON18")
    assert charge_steps("flat", "LSSTCam") == charge_steps("flat", "LSSTComCam") == (True, None)
    assert charge_steps("science", "LATISS") == (False, None)
    assert charge_steps("science", "LSSTCam") == (True, "ASTIER23")
    assert charge_steps("sky", "LSSTComCam") == (False, "COULTON18")
    assert steps_for("cti", "LATISS").cti_statistics
    assert steps_for("flat", "LATISS", order="2024-04").brighter_fatter is None


def test_a_configuration_chooses_how_charge_is_put_back():
    config = IsrConfig()
    assert (config.may_apply("cti"), config.may_apply("bfk")) == (True, True)
    config.brighter_fatter_method = "ASTIER23"
    assert config.steps("flat", "LATISS").brighter_fatter.method == "ASTIER23"
    assert (config.may_apply("bfk"), config.may_apply("electroBfDistortionMatrix")) == (False, True)
    wanted = wanted_calibrations(config.steps("flat", "LATISS"))
    assert (wanted["bfk"], wanted["electroBfDistortionMatrix"], wanted["cti"]) == (False, True, False)
    config.correct_brighter_fatter = False
    assert config.steps("flat", "LATISS").brighter_fatter is None
    config.order = "2024-04"
    assert not config.may_apply("cti")
    config.correct_cti = True
    assert config.may_apply("cti")
