"""From simulated raws through all three tasks: known coefficients are undone, and verification says so.

16 amplifiers of 256 × 128 pixels, 22 levels in pairs up to 96000 adu, two pairs of them held out. A pair's
mean at 1000 adu is known to 1e-4, at 10000 adu to 3e-5; a curve of a few parameters through 20 of them to a
third of that. The limit of 1e-4 therefore stands at 3 standard errors at the faint end and more above.
"""

import numpy as np
import pytest
from astropy.table import Table

from infra.settings import builtin_policy
from tasks.isr.linearity import linearized
from tasks.isr.tables import corrections_from_linearizer
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import ExposureGroup, VerdictOutcome
from tests.linearity.simulated import UUID, measured, nonproportionality, sequence, solved, verified

TIMES = tuple(np.round([0.2, 0.5, *np.linspace(1.0, 20.0, 20)], 3).tolist())
HELD_OUT = (TIMES[8], TIMES[15])


@pytest.fixture(scope="module")
def ramp():
    return sequence(TIMES)


@pytest.fixture(scope="module")
def inputs(ramp):
    own = [number for number, one in ramp.exposures.items() if one.declared_time not in HELD_OUT]
    return measured(ramp, own)


@pytest.fixture(scope="module")
def linearizers(inputs):
    return {kind: solved(inputs, kind) for kind in ("Squared", "Polynomial", "Spline", "DoubleSpline")}


def some(ramp):
    """Exposures at every third level, enough to see what is badly wrong."""
    return [number for number, one in sorted(ramp.exposures.items()) if one.declared_time in TIMES[3::3]]


def verdict(record):
    return evaluate([record], builtin_policy("LATISS"), calibration="linearizer", candidates={0: UUID})


def shuffled(table):
    """Linearizer whose corrections stand with the wrong amplifiers."""
    wrong = table.copy()
    wrong["AMPLIFIER_NAME"] = np.roll(np.asarray(table["AMPLIFIER_NAME"]), 5)
    return wrong


def sign_flipped(table):
    """Linearizer that bends the levels twice instead of once."""
    wrong = table.copy()
    wrong["COEFFS"] = -np.asarray(table["COEFFS"])
    return wrong


@pytest.mark.parametrize("kind", ["Squared", "Polynomial", "Spline", "DoubleSpline"])
def test_injected_coefficients_are_undone_below_1e4(ramp, linearizers, kind):
    table = linearizers[kind]
    assert all(table["TYPE"] == kind)
    truth, corrections = ramp.sensor.nonlinearity, corrections_from_linearizer(table)
    turnoffs = np.asarray(table["LINEARITY_TURNOFF"])
    assert (turnoffs > 80_000).all()
    before = truth * turnoffs / 2
    left = nonproportionality(corrections, truth, turnoffs, 1000.0, linearized)
    assert np.median(before) > 4e-3
    assert left.max() < 1e-4


def test_the_table_says_what_it_was_made_from(ramp, inputs, linearizers):
    table = linearizers["DoubleSpline"]
    meta = table.meta
    assert (meta["OBSTYPE"], meta["INSTRUME"], meta["DETECTOR"]) == ("LINEARIZER", "LATISS", 0)
    assert (meta["PTC_RUN"], meta["PTC_UUID"]) == ("u/somebody/ptc", UUID)
    assert meta["PTC_DATE"] == inputs.output.meta["CALIB_CREATION_DATETIME"]
    assert meta["CALIB_CREATION_DATETIME"] == "2024-03-19T12:00:00"
    assert meta["CALIB_ID"].startswith(
        "instrument=LATISS raftName=RXX detectorName=S00 detector=0 calibDate="
    )
    exposures = {value for key, value in meta.items() if key.removeprefix("CPP_INPUT_").isdigit()}
    assert exposures == {n for n, one in ramp.exposures.items() if one.declared_time not in HELD_OUT}
    np.testing.assert_array_equal(table["INPUT_GAIN"], inputs.output["GAIN"])
    np.testing.assert_array_equal(table["INPUT_TURNOFF"], inputs.output["PTC_TURNOFF"])
    assert all("below the turnoff" in remark for remark in table["REMARKS"])


@pytest.mark.parametrize("kind", ["DoubleSpline"])
def test_a_sound_linearizer_is_verified_with_flats_it_has_not_seen(ramp, linearizers, tmp_path, kind):
    linearizers[kind].write(tmp_path / "linearizer.ecsv")
    record = verified(ramp, Table.read(tmp_path / "linearizer.ecsv"))
    said = verdict(record)
    assert said.outcome is VerdictOutcome.VERIFIED, [one.reason for one in said.failures]
    assert said.warnings == ()
    held_out = [one for one in record.exposures if one.group is ExposureGroup.VERIFICATION]
    assert {one.exposure_time for one in held_out} == set(HELD_OUT)
    for values in record.product_amplifiers.values():
        assert values["MAX_RESIDUAL"] < 1e-4 + values["RESIDUAL_ALLOWANCE"]
        assert values["HELD_OUT_RESIDUAL"] < 1e-4 + values["HELD_OUT_ALLOWANCE"]
        assert values["NULL_RESIDUAL"] < 1e-3
        assert values["TURNOFF"] > 90_000
        assert values["TYPE_NONE"] == 0
    assert record.product_detector["LAMP_SCATTER"] < 1e-4
    assert record.product_detector["LIGHT_RESIDUAL"] < 1e-4 + record.product_detector["LIGHT_ALLOWANCE"]
    rows = list(metric_rows([record], campaign="c", calibration="linearizer"))
    assert {row.metric for row in rows} >= {"linearity.max_residual", "linearity.turnoff"}


def test_without_the_correction_the_flats_fail(ramp, linearizers):
    nothing = linearizers["Squared"].copy()
    nothing["COEFFS"] = np.zeros_like(nothing["COEFFS"])
    failed = {one.test for one in verdict(verified(ramp, nothing, some(ramp))).failures}
    assert "LIGHT_RESIDUAL" in failed


def test_corrections_at_the_wrong_amplifiers_fail_by_name(ramp, linearizers):
    said = verdict(verified(ramp, shuffled(linearizers["Squared"]), some(ramp)))
    found = {one.amplifier for one in said.failures if one.test == "LINEARITY_RESIDUAL"}
    truth = ramp.sensor.nonlinearity
    wrong = np.abs(np.roll(truth, -5) - truth)
    names = [one.name for one in ramp.sensor.layout.amplifiers]
    assert names[int(np.argmax(wrong))] in found


def test_a_flipped_sign_fails_the_light_of_all_and_one_flipped_amplifier_by_name(ramp, linearizers):
    said = verdict(verified(ramp, sign_flipped(linearizers["Squared"]), some(ramp)))
    assert "LIGHT_RESIDUAL" in {one.test for one in said.failures}
    one_wrong = linearizers["Squared"].copy()
    one_wrong["COEFFS"][6] *= -1
    said = verdict(verified(ramp, one_wrong, some(ramp)))
    name = str(one_wrong["AMPLIFIER_NAME"][6])
    assert {(one.test, one.amplifier) for one in said.failures} == {
        ("LINEARITY_RESIDUAL", name),
        ("LINEARITY_NULL", name),
    }
