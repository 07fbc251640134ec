"""Lists made by hand for calibrations from pairs, beside calibrations from even sets."""

import pytest

from infra.errors import SelectionError
from tasks.selection import Overrides, Plan, Role
from tests.selection.nights import DAY, Night, plan_of, row, rules
from tests.selection.ramps import TIMES, everything, ptc_rule, take_ramp


def listed(night: Night, exposures: list[int], reason: str | None = None, *, only_ptc: bool = False) -> Plan:
    calibrations = (ptc_rule(),) if only_ptc else (ptc_rule(), *rules())
    return plan_of(night, calibrations=calibrations, overrides=Overrides(frozenset(exposures), reason))


def full_night() -> Night:
    night = Night()
    night.take("bias", 21)
    night.take("dark", 21)
    night.take("flat", 21, exposure_time=3.0, group="set")
    take_ramp(night)
    return night


def ids(night: Night, group: str) -> list[int]:
    return [one.exposure for one in night.records if one.group == group]


def test_a_list_of_pairs_is_used_as_it_is_and_is_not_for_flats():
    night = full_night()
    ramp = ids(night, "ptc")
    plan = listed(night, ramp[4:34])
    assert plan.generation("ptc") == tuple(ramp[4:34])
    assert row(plan, ramp[4], "ptc").reason == "listed by hand"
    assert row(plan, ramp[4], "ptc").evidence["pair"] == [ramp[4], ramp[5]]
    assert "not on the list" in row(plan, ramp[0], "ptc").reason
    assert row(plan, ramp[0], "ptc").role is Role.VERIFICATION
    assert plan.generation("flat-r") == ()


def test_a_list_for_an_even_flat_is_not_for_the_photon_transfer_curve():
    night = full_night()
    flats = ids(night, "set")
    plan = listed(night, flats[1:15])
    assert plan.generation("flat-r") == tuple(flats[1:15])
    assert plan.generation("ptc") == ()
    assert "no exposure of ptc is on the list" in row(plan, ids(night, "ptc")[3], "ptc").reason


def test_half_a_pair_needs_a_reason():
    night = full_night()
    ramp = ids(night, "ptc")
    with pytest.raises(SelectionError, match=f"{ramp[1]}: unpaired: the only flat of 0.04 s here"):
        listed(night, ramp[1:31])
    plan = listed(night, ramp[1:31], "it is all there is")
    forced = row(plan, ramp[1], "ptc")
    assert forced.role is Role.GENERATION
    assert forced.evidence["override"] == "it is all there is"


def test_too_few_pairs_and_bad_exposures_need_a_reason():
    night = full_night()
    ramp = ids(night, "ptc")
    with pytest.raises(SelectionError, match="only 4 pairs are listed, 10 needed"):
        listed(night, ramp[:8])
    assert len(listed(night, ramp[:8], "test").generation("ptc")) == 8
    record = next(one for one in night.records if one.exposure == ramp[6])
    night.change_look(record, nan_fraction=0.5)
    with pytest.raises(SelectionError, match="not finite"):
        listed(night, ramp)


def test_flats_in_no_sequence_need_a_reason_where_nothing_else_wants_them():
    night = full_night()
    flats = ids(night, "set")
    with pytest.raises(SelectionError, match="in no sequence of pairs"):
        listed(night, flats, only_ptc=True)
    assert listed(night, flats, "why not", only_ptc=True).generation("ptc") == tuple(flats)


def test_flats_of_a_ramp_need_a_reason_to_become_an_even_flat():
    night = full_night()
    ramp = ids(night, "ptc")
    flat = [one for one in rules() if one.name == "flat"]
    overrides = Overrides(frozenset(ramp[10:30]))
    with pytest.raises(SelectionError, match="belongs to a ramp of 44 flats"):
        plan_of(night, calibrations=flat, overrides=overrides)
    plan = plan_of(night, calibrations=flat, overrides=Overrides(frozenset(ramp[10:30]), "a test"))
    assert plan.generation("flat-r") == tuple(ramp[10:30])


def test_one_list_serves_every_calibration_that_uses_its_exposures():
    night = full_night()
    biases = [one.exposure for one in night.records if one.observation_type == "bias"][1:15]
    darks = [one.exposure for one in night.records if one.observation_type == "dark"][1:15]
    flats, ramp = ids(night, "set")[1:15], ids(night, "ptc")
    overrides = Overrides(frozenset([*biases, *darks, *flats, *ramp]))
    plan = plan_of(night, calibrations=everything(), overrides=overrides)
    for key, exposures in {
        "bias": biases,
        "biasBootstrap": biases,
        "darkBootstrap": darks,
        "flat-r": flats,
        "flatBootstrap-r": flats,
        "ptc": ramp,
        "linearizer": ramp,
        "defects": sorted([*biases, *darks, *flats]),
    }.items():
        assert plan.generation(key) == tuple(exposures), key
    few = plan_of(night, calibrations=everything(), overrides=Overrides(frozenset(biases)))
    (short,) = [one for one in few.shortages if str(one.calibration) == "defects"]
    assert "list exposures for darkBootstrap and flatBootstrap" in short.advice
    assert few.keys()[0].calibration == "biasBootstrap"


def test_pairs_of_another_day_can_be_listed():
    night, other = full_night(), Night(day_obs=DAY - 1)
    more = take_ramp(other, TIMES[:6])
    ramp = [*ids(night, "ptc")[:24], *(one.exposure for one in more)]
    plan = plan_of(night, other.records, calibrations=(ptc_rule(),), overrides=Overrides(frozenset(ramp)))
    assert plan.generation("ptc") == tuple(sorted(ramp))
