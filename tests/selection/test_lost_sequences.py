"""Flats that were taken for a photon transfer curve and are no sequence are not lost in silence."""

import pytest

from tests.selection.nights import RED, Night, calibration_night, plan_of, rules
from tests.selection.ramps import ptc_rule


def night_with(times: list[float], reason: str = "ptc") -> Night:
    """Return a night in which flats of these exposure times say why they were taken."""
    night = calibration_night()
    night.wait(1200.0)
    for time in times:
        for record in night.take("flat", 2, physical_filter=RED, exposure_time=time):
            night.change(record, observation_reason=reason)
    return night


@pytest.mark.parametrize("times", [[3.0] * 10, [40.0] * 10], ids=["one level", "saturated"])
def test_a_sequence_of_one_level_is_said_to_be_none(times: list[float]) -> None:
    plan = plan_of(night_with(times), calibrations=(*rules(), ptc_rule(when_taken=True)))
    (text,) = [text for text in plan.warnings if "photon transfer" in text]
    assert text.startswith("20 flats say that they are of a photon transfer sequence")
    assert text.endswith("no ptc is made of them")
    for key in ("bias", "dark", "flat-r", "flat-g"):
        assert plan.generation(key)


def test_other_flats_promise_nothing() -> None:
    plan = plan_of(night_with([3.0] * 10, reason="flat"), calibrations=(*rules(), ptc_rule(when_taken=True)))
    assert not any("photon transfer" in text for text in plan.warnings)


def test_a_real_sequence_or_a_short_one_has_its_place_in_the_plan() -> None:
    for times in ([0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0], [1.0, 2.0, 4.0]):
        plan = plan_of(night_with(times), calibrations=(*rules(), ptc_rule(when_taken=True)))
        assert bool(plan.generation("ptc")) != any(str(one.calibration) == "ptc" for one in plan.shortages)
        assert not any("photon transfer" in text for text in plan.warnings)
