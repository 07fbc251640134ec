"""The camera state of a set, and the exposures that were taken in another."""

from tasks.selection import Role
from tasks.selection.state import deviation, reference_state, state_of
from tests.selection.nights import STATE_KEYS, calibration_night, plan_of


def excluded(night) -> dict[int, str]:
    return {one.exposure: one.reason for one in plan_of(night).rows("bias", Role.EXCLUDED)}


def test_equal_values_written_differently_are_equal():
    (record,) = calibration_night().records[:1]
    night = calibration_night()
    same = night.change_state(
        night.records[0], SEQCKSUM=1477162166, AP0_RC="14", TEMP_SET="-104.1500", ODP=3.50000001
    )
    assert state_of(record, STATE_KEYS) == state_of(same, STATE_KEYS)


def test_whole_numbers_are_compared_to_the_last_digit():
    night = calibration_night()
    other = night.change_state(night.records[0], SEQCKSUM="1477162167")
    assert deviation(other, state_of(night.records[1], STATE_KEYS)) is not None


def test_undefined_cards_are_missing():
    night = calibration_night()
    for value in (None, "", " ", "UNDEF", "nan", float("nan")):
        record = night.change_state(night.records[0], ODP=value)
        assert state_of(record, STATE_KEYS)["ODP"] is None


def test_a_frame_with_another_checksum_is_excluded_with_key_and_both_values():
    night = calibration_night()
    odd = night.change_state(night.records[6], SEQCKSUM="2918240771")
    reason = excluded(night)[odd.exposure]
    assert reason == "camera state differs: SEQCKSUM is 2918240771, 1477162166 in its set"


def test_every_key_that_differs_is_named():
    night = calibration_night()
    odd = night.change_state(night.records[6], SEQNAME="v27", TEMP_SET=-94.15)
    (row,) = plan_of(night).explain(odd.exposure)
    assert row.evidence["keys"] == ["SEQNAME", "TEMP_SET"]
    assert row.evidence["TEMP_SET"] == "-94.15"
    assert row.evidence["TEMP_SET of the set"] == "-104.15"


def test_a_missing_key_is_said_and_not_skipped():
    night = calibration_night()
    odd = night.change_state(night.records[6], ODP=None)
    (row,) = plan_of(night).explain(odd.exposure)
    assert row.role is Role.EXCLUDED
    assert "ODP missing" in row.reason
    assert row.evidence["ODP"] == "missing"


def test_a_key_missing_everywhere_is_one_warning_and_excludes_nothing():
    night = calibration_night()
    for record in list(night.records):
        night.change_state(record, ODP=None)
    plan = plan_of(night)
    assert not [row for row in plan.exposures if row.role is Role.EXCLUDED]
    assert plan.warnings == (
        "ODP missing from all 84 calibration exposures of the day: the camera state is not checked for it",
    )


def test_a_key_missing_from_one_whole_set_is_a_warning():
    night = calibration_night()
    for record in night.records[:21]:
        night.change_state(record, ODP=None)
    assert plan_of(night).warnings == (
        "ODP missing from the exposures of bias: the camera state is not checked for it",
    )


def test_the_state_of_most_frames_is_that_of_the_set_and_of_equals_the_most_complete():
    night = calibration_night()
    records = night.records[:4]
    records[0] = night.change_state(records[0], ODP=None)
    records[1] = night.change_state(records[1], ODP=None)
    assert reference_state(records, STATE_KEYS)["ODP"] == "3.5"
    records[2] = night.change_state(records[2], ODP=None)
    assert reference_state(records, STATE_KEYS)["ODP"] is None
    assert reference_state([], STATE_KEYS) == dict.fromkeys(STATE_KEYS)


def test_frames_of_another_set_in_another_state_do_not_verify():
    night = calibration_night()
    night.wait(3600)
    for record in night.take("bias", 12):
        night.change_state(record, TEMP_SET=-94.15)
    reasons = excluded(night)
    assert len(reasons) == 12
    assert all("TEMP_SET is -94.15" in reason for reason in reasons.values())
