"""An exposure and its calibrations in the same state of the camera, or not."""

from dataclasses import replace

import pytest

from infra.errors import CalprodError
from tasks.isr.calibrations import Calibrations
from tasks.isr.camera_state import compare_camera_state, state_mismatches
from tasks.isr.chain import correct
from tasks.isr.steps import CAMERA_STATE, steps_for
from tests.isr.raws import LAYOUT, raw
from tests.isr.signatures import image, matrix

HEADER = {"SEQNAME": "v26.seq", "SEQCKSUM": "1477162166", "TEMP_SET": -104.15, "ODP": 3.4, "OBSID": "a"}


def test_only_cards_that_both_have_are_compared():
    calibrations = {
        "bias": {"SEQNAME": "v25.seq", "TEMP_SET": -94.15, "OBSID": "b"},
        "dark": {"SEQNAME": " v26.seq ", "SEQCKSUM": 1477162166, "TEMP_SET": -104.15000001},
        "ptc": {"ODP": None},
        "defects": {},
    }
    assert compare_camera_state(HEADER, calibrations, CAMERA_STATE) == {"bias": ("SEQNAME", "TEMP_SET")}


def test_a_calibration_of_another_state_is_recorded_or_refused():
    bias = image(0.0, SEQNAME="v25.seq", TEMP_SET=-104.15)
    known = Calibrations(
        bias=bias, crosstalk=matrix(), headers={"bias": bias.metadata, "crosstalk": {"SEQNAME": "v26.seq"}}
    )
    steps = steps_for("dark", "LATISS")
    exposure = correct(raw(), LAYOUT, steps, known, header=HEADER)
    assert exposure.metadata["LSST ISR STATE MISMATCH BIAS"] == "SEQNAME"
    assert state_mismatches(exposure.metadata) == {"bias": "SEQNAME"}
    with pytest.raises(CalprodError, match=r"bias was made in another state.*SEQNAME 'v25.seq' instead of"):
        correct(raw(), LAYOUT, replace(steps, strict=True), known, header=HEADER)


def test_a_calibration_that_is_not_used_may_be_of_any_state():
    known = Calibrations(bias=image(0.0), headers={"bias": {"SEQNAME": "v25.seq"}})
    steps = replace(steps_for("bias", "LATISS"), strict=True)
    exposure = correct(raw(), LAYOUT, steps, known, header=HEADER)
    assert not [key for key in exposure.metadata if "MISMATCH" in key]
