"""An exposure of several detectors is judged as one, and the faulty detector is named."""

from dataclasses import replace

from tasks.selection import Role
from tasks.selection.detectors import merge_detectors
from tests.selection.nights import calibration_night, plan_of


def test_a_fault_of_one_detector_of_nine_is_named():
    nights = [calibration_night(seed=seed) for seed in range(9)]
    odd = nights[4].records[8].statistics
    leak = {name: replace(one, level=one.level + 50) for name, one in odd.amplifiers.items()}
    nights[4].change_look(nights[4].records[8], amplifiers=leak, level=odd.level + 50)
    whole = nights[0]
    for place, record in enumerate(list(whole.records)):
        looks = {f"R22_S{one}": night.records[place].statistics for one, night in enumerate(nights)}
        whole.change(record, statistics=merge_detectors(looks))
    (row,) = [one for one in plan_of(whole).exposures if one.role is Role.EXCLUDED]
    assert row.exposure == whole.records[8].exposure
    assert "odd amplifier: level of R22_S4_C" in row.reason


def test_one_detector_is_itself_and_none_is_nothing():
    look = calibration_night().records[0].statistics
    assert merge_detectors({"RXX_S00": look}) is look
    assert merge_detectors({}) is None
