"""The plan of a night: roles, reasons, shortages, and what is refused."""

import json
from dataclasses import dataclass

import pytest

from infra.errors import UsageError
from tasks.selection import Overrides, Role
from tasks.selection.model import Plan
from tests.selection.nights import DAY, GREEN, RED, Exclusion, Night, calibration_night, plan_of, row, rules


def roles(plan: Plan, key: str) -> dict[str, int]:
    return {role.value: len(plan.rows(key, role)) for role in Role}


@dataclass(frozen=True)
class Refusal:
    path: str
    reason: str
    exposure: int | None = None
    day_obs: int | None = None


def test_a_good_night_makes_every_calibration_from_its_target_of_exposures():
    plan = plan_of(calibration_night())
    assert list(map(str, plan.keys())) == ["bias", "dark", "flat-g", "flat-r"]
    for key in ("bias", "dark", "flat-g", "flat-r"):
        assert roles(plan, key) == {"generation": 20, "verification": 1, "excluded": 0}
    assert plan.shortages == ()
    assert plan.warnings == ()
    assert len(plan.sets) == 4


def test_the_first_exposure_of_a_set_verifies_and_is_never_combined():
    night = calibration_night()
    plan = plan_of(night)
    first = row(plan, night.records[0].exposure, "bias")
    assert first.role is Role.VERIFICATION
    assert "first exposure of its set" in first.reason
    assert first.evidence["first_exposure_artefacts"], "the glow of the first exposure is on record"


def test_surplus_comes_from_both_ends_and_verifies():
    night = Night()
    biases = night.take("bias", 31)
    plan = plan_of(night)
    used = plan.generation("bias")
    assert used == tuple(one.exposure for one in biases[6:26])
    assert roles(plan, "bias") == {"generation": 20, "verification": 11, "excluded": 0}
    assert "surplus" in row(plan, biases[-1].exposure, "bias").reason


def test_other_sets_of_the_day_verify():
    night = Night()
    night.take("bias", 15)
    night.wait(3600)
    large = night.take("bias", 21)
    plan = plan_of(night)
    assert set(plan.generation("bias")) == {one.exposure for one in large[1:]}
    assert roles(plan, "bias") == {"generation": 20, "verification": 16, "excluded": 0}
    assert "another set of the day" in row(plan, night.records[5].exposure, "bias").reason


def test_the_latest_set_can_be_preferred_if_it_is_large_enough():
    night = Night()
    night.take("bias", 21)
    night.wait(3600)
    later = night.take("bias", 15)
    night.wait(3600)
    night.take("bias", 5)
    plan = plan_of(night, calibrations=rules(sets="latest"))
    assert set(plan.generation("bias")) == {one.exposure for one in later[1:]}


def test_a_set_of_equal_size_yields_to_the_later_one():
    night = Night()
    night.take("bias", 15)
    night.wait(3600)
    later = night.take("bias", 15)
    assert set(plan_of(night).generation("bias")) == {one.exposure for one in later[1:]}


def test_fewer_first_exposures_are_dropped_rather_than_too_few_combined_but_always_one():
    night = Night()
    biases = night.take("bias", 12)
    plan = plan_of(night, calibrations=rules(drop_first=4, minimum=10))
    assert plan.generation("bias") == tuple(one.exposure for one in biases[2:])
    assert "only the first 2 of 4 exposures dropped" in " ".join(plan.warnings)
    never = plan_of(night, calibrations=rules(drop_first=0, minimum=10))
    assert biases[0].exposure not in never.generation("bias")


def test_a_bad_exposure_before_it_does_not_make_the_first_one_the_second():
    night = Night()
    biases = night.take("bias", 21)
    night.change_state(biases[0], SEQCKSUM="42")
    night.change_look(biases[1], nan_fraction=0.5)
    plan = plan_of(night)
    assert plan.generation("bias") == tuple(one.exposure for one in biases[3:])
    assert "first good exposure of its set" in row(plan, biases[2].exposure, "bias").reason


def test_too_few_exposures_are_a_shortage_that_says_what_to_take():
    night = Night()
    night.take("bias", 6)
    plan = plan_of(night, calibrations=rules()[:1])
    assert plan.generation("bias") == ()
    assert plan.keys() == ()
    (shortage,) = plan.shortages
    assert (shortage.usable, shortage.minimum, shortage.frames_to_take) == (5, 10, 21)
    assert "take 21 bias exposures in one go" in shortage.advice
    assert "SEQCKSUM" not in shortage.advice
    night.change_state(night.records[2], SEQCKSUM="42")
    assert "with SEQCKSUM=1477162166" in plan_of(night, calibrations=rules()[:1]).shortages[0].advice
    assert roles(plan, "bias") == {"generation": 0, "verification": 6, "excluded": 0}


def test_the_exposures_that_a_shortage_asks_for_cover_it():
    night = Night()
    night.take("dark", 5)
    (shortage,) = [one for one in plan_of(night).shortages if one.calibration.calibration == "dark"]
    night.wait(3600)
    night.take(shortage.observation_type, shortage.frames_to_take, exposure_time=shortage.exposure_time)
    plan = plan_of(night)
    assert not [one for one in plan.shortages if one.calibration.calibration == "dark"]
    assert len(plan.generation("dark")) == 20


def test_a_calibration_without_any_exposure_is_a_shortage_too():
    night = Night()
    night.take("bias", 21)
    plan = plan_of(night, calibrations=rules(filters=(RED,)))
    assert {str(one.calibration): one.reason for one in plan.shortages} == {
        "dark": "no dark exposure on this day",
        "flat-r": f"no flat exposure in {RED} on this day",
    }


def test_an_exposure_that_serves_no_calibration_has_one_row():
    night = calibration_night()
    (science,) = night.take("science")
    plan = plan_of(night)
    (only,) = plan.explain(science.exposure)
    assert only.calibration is None
    assert only.role is Role.EXCLUDED
    assert "science exposure" in only.reason


def test_a_filter_that_is_not_asked_for_has_a_row_that_says_so():
    night = calibration_night()
    plan = plan_of(night, calibrations=rules(filters=(RED,)))
    greens = [one for one in night.records if one.physical_filter == GREEN]
    (only,) = plan.explain(greens[3].exposure)
    assert only.calibration is None
    assert GREEN in only.reason


def test_an_observation_reason_that_is_not_asked_for_is_excluded_by_name():
    night = Night()
    night.take("bias", 15)
    odd = night.take("bias", 3, reason="engineering")
    plan = plan_of(night, calibrations=rules(observation_reasons=("bias",))[:1])
    assert "observation reason 'engineering' is not among bias" in row(plan, odd[0].exposure, "bias").reason


def test_an_exclusion_of_the_ledger_keeps_an_exposure_out_with_reason_and_author():
    night = calibration_night()
    blocked, partly = night.records[4], night.records[5]
    exclusions = [
        Exclusion(blocked.exposure),
        Exclusion(partly.exposure, "glow", detector=0, amplifier="C05"),
    ]
    plan = plan_of(night, exclusions=exclusions)
    assert row(plan, blocked.exposure, "bias").reason == "excluded by Vera: cloud of dust"
    noted = row(plan, partly.exposure, "bias")
    assert noted.role is Role.GENERATION
    assert noted.evidence["excluded_parts"] == ["detector 0 amplifier C05: glow (Vera)"]


def test_an_exclusion_for_one_calibration_leaves_the_others_alone():
    night = calibration_night()
    other = Exclusion(night.records[4].exposure, calibration="dark")
    assert night.records[4].exposure in plan_of(night, exclusions=[other]).generation("bias")


def test_an_exclusion_of_a_detector_for_good_is_a_warning():
    plan = plan_of(calibration_night(), exclusions=[Exclusion(None, "dead", detector=0, amplifier="C03")])
    assert plan.warnings == ("detector 0 amplifier C03 is excluded in every exposure by Vera: dead",)


def test_refused_files_have_a_row_each():
    night = calibration_night()
    lost = night.records[7]
    night.lose(lost)
    refusals = [
        Refusal(f"/data/{lost.obs_id}.fits", "truncated", lost.exposure, DAY),
        Refusal(f"/data/AT_O_{DAY}_000099.fits", "not a LATISS raw"),
        Refusal("/data/AT_O_20200101_000099.fits", "another day"),
        Refusal(
            "/data/AT_O_20240326_000200.fits.gz", "of a day that the header tells otherwise", None, DAY + 1
        ),
        Refusal("/data/junk.fits", "not FITS at all", None, DAY),
        Refusal("/data/again.fits", "truncated", night.records[8].exposure, DAY),
    ]
    plan = plan_of(night, refusals=refusals)
    (refused,) = plan.explain(lost.exposure)
    assert refused.reason == "refused at ingest: truncated"
    (foreign,) = plan.explain(DAY * 100000 + 99)
    assert foreign.evidence["file"] == f"AT_O_{DAY}_000099.fits", "placed by its name"
    unknown = [one for one in plan.exposures if one.exposure is None]
    assert [one.evidence["file"] for one in unknown] == ["junk.fits"]
    assert len(plan.explain(night.records[8].exposure)) == 1


def test_the_exposure_after_a_saturated_one_is_not_combined():
    night = calibration_night()
    bad, after = night.records[10], night.records[11]
    night.change_look(bad, saturated_fraction=0.4)
    plan = plan_of(night)
    assert "saturated: 40.00%" in row(plan, bad.exposure, "bias").reason
    next_one = row(plan, after.exposure, "bias")
    assert next_one.role is Role.VERIFICATION
    assert next_one.evidence["after_saturated"] == bad.exposure


def test_the_first_good_exposure_after_a_bad_one_failed_verification_for_its_artefact():
    night = Night()
    sets = [night.take("bias", 21)]
    night.wait(3600)
    sets.append(night.take("bias", 12))
    for members in sets:
        night.change_look(members[0], nan_fraction=0.5)
    plan = plan_of(night)
    for members in sets:
        first = row(plan, members[1].exposure, "bias")
        assert first.role is Role.VERIFICATION
        assert first.evidence["artefact"] == "first good exposure of its set"
        assert "artefact" not in row(plan, members[2].exposure, "bias").evidence


def test_json_is_that_of_the_design_and_carries_its_digest():
    plan = plan_of(calibration_night())
    content = plan.to_json()
    assert list(content) == [
        *("day_obs", "instrument", "sets", "exposures", "shortages", "warnings", "digest"),
    ]
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert list(content["exposures"][0]) == ["exposure", "calibration", "role", "reason", "evidence"]
    assert content["digest"] == plan.digest()
    night = calibration_night()
    night.change_state(night.records[3], ODP=9.9)
    assert plan_of(night).digest() != plan.digest()


def test_unlooked_at_pixels_are_said():
    night = calibration_night()
    night.change(night.records[3], statistics=None)
    plan = plan_of(night)
    assert row(plan, night.records[3].exposure, "bias").evidence["pixels"] == "not looked at"
    assert "the pixels of 1 of 84 calibration exposures were not looked at" in plan.warnings[0]


def test_a_state_that_differs_between_calibrations_is_a_warning():
    night = calibration_night()
    for record in night.records[21:42]:
        night.change_state(record, TEMP_SET=-94.15)
    (warning,) = plan_of(night).warnings
    assert warning == (
        "TEMP_SET differs between calibrations: -104.15 for bias and flat-g and flat-r, -94.15 for dark"
    )


def test_wrong_questions_are_refused_by_name():
    night = calibration_night()
    with pytest.raises(UsageError, match="without exposures"):
        plan_of([])
    with pytest.raises(UsageError, match="several days"):
        plan_of([*night.records, *calibration_night(day_obs=DAY + 1).records])
    with pytest.raises(UsageError, match="given twice"):
        plan_of([*night.records, night.records[3]])
    with pytest.raises(UsageError, match="42 is not among"):
        plan_of(night, overrides=Overrides(frozenset({42})))
    with pytest.raises(UsageError, match="refused at ingest: torn"):
        plan_of(night, overrides=Overrides(frozenset({42})), refusals=[Refusal("a", "torn", 42, DAY)])
    with pytest.raises(UsageError, match="list of exposures is empty"):
        plan_of(night, overrides=Overrides(frozenset()))
