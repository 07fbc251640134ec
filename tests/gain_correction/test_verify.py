"""What a correction of gains leaves in its flats, and how a wrong one is told."""

import numpy as np
import pytest

from infra.settings import builtin_policy
from tasks.gain_correction.algorithm import GainCorrectionSettings, measure_gain_correction, to_table
from tasks.gain_correction.verify import product_statistics
from tasks.verification.evaluate import evaluate
from tasks.verification.quantum import detector_record
from tests.gain_correction.flats import LATISS, NAMES, curve, factors, flat, light

SETTINGS = GainCorrectionSettings(radial_nodes=8)
MOVED = {1: 1.006, 3: 1 / 1.002, 6: 1 / 0.998, 12: 0.99}
CAMERAS = ("LATISS", "LSSTComCam", "LSSTCam")


def flats(moved=None):
    new = flat(light(radial=0.11), factors(MOVED if moved is None else moved), noise=0.003, seed=2)
    return new, flat(light(), noise=0.003, seed=1)


def corrected(moved=None, bad=()):
    new, reference = flats(moved)
    found = measure_gain_correction(new, reference, curve(bad), LATISS, "LATISS", SETTINGS)
    return to_table(found), new, reference


def measured(table, new, reference):
    return product_statistics(table, new, reference, LATISS, "LATISS", SETTINGS)


def verdict(table, new, reference, policy="LATISS"):
    product = measured(table, new, reference)
    record = detector_record("gain_correction", table, LATISS, {"gain_correction": "uuid"}, (), product, ())
    return evaluate([record], builtin_policy(policy), calibration="gain_correction", candidates={0: "uuid"})


def failures(*args):
    return {one.test for one in verdict(*args).failures}


@pytest.mark.parametrize("policy", CAMERAS)
def test_a_good_correction_passes(policy):
    found = verdict(*corrected(), policy)
    assert not found.failures
    assert not found.could_not_run
    assert not found.warnings


def test_the_steps_between_amplifiers_are_gone():
    """Up to 1 % before; after, strips of 30 bins of 0.05 % leave 2e-4.

    The light changes by 1 % over the 480 pixels from the middle to the corner: 5e-4 from strip to strip.
    """
    values = measured(*corrected()).detector
    assert values["STEP_BEFORE"] > 2e-3
    assert values["STEP"] < 8e-4 < values["STEP_ALLOWANCE"] < 1.5e-3
    assert values["LARGEST_CHANGE"] == pytest.approx(-0.01, abs=1e-3)
    assert values["N_LEFT_OUT"] == 0


def test_a_correction_of_the_wrong_sign_fails_by_name():
    table, new, reference = corrected()
    table["GAIN_ADJUSTMENT"] = 1.0 / np.array(table["GAIN_ADJUSTMENT"])
    assert {"STEP", "RESIDUAL"} <= failures(table, new, reference)


def test_a_correction_of_other_amplifiers_fails_by_name():
    table, new, reference = corrected()
    table["GAIN_ADJUSTMENT"] = np.array(table["GAIN_ADJUSTMENT"])[::-1]
    found = verdict(table, new, reference)
    assert {"STEP", "RESIDUAL"} <= {one.test for one in found.failures}
    assert {one.amplifier for one in found.failures if one.test == "RESIDUAL"} >= {NAMES[1], NAMES[12]}


def test_no_correction_at_all_fails_where_one_is_needed():
    table, new, reference = corrected()
    table["GAIN_ADJUSTMENT"] = 1.0
    assert {"STEP", "RESIDUAL"} <= failures(table, new, reference)


def test_an_amplifier_that_is_not_corrected_fails_with_its_reason():
    found = verdict(*corrected(moved={4: 1.09}, bad=("C00",)))
    reasons = {one.amplifier: one.reason for one in found.failures if one.test == "PROCESSING"}
    assert "moved by +9.0 %" in reasons.pop(NAMES[4])
    assert "noisy" in reasons.pop("C00")
    assert not reasons
    assert {one.test for one in found.failures} == {"PROCESSING"}


def test_a_large_change_is_worth_a_look():
    found = verdict(*corrected(moved={4: 1.04}))
    assert not found.failures
    assert {one.test for one in found.warnings} == {"CHANGE"}
