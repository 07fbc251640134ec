"""Policies: the recommended tests with their limits, versions by configuration, and waivers."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from infra.errors import ProfileError, UsageError
from infra.instruments.focal_plane import pixel_positions
from infra.instruments.lsstcam import LSSTCAM
from infra.settings import Policy, PolicyTest, Waiver, builtin_policy, load_policy

INSTRUMENTS = ("LATISS", "LSSTComCam", "LSSTCam")
SHIPPED = (resources.files("deployments") / "policies" / "latiss.yaml").read_text()


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_shipped_policies_ask_for_the_recommended_tests(instrument: str) -> None:
    policy = builtin_policy(instrument)
    image = ["MEAN", "NOISE", "CR_NOISE", "PROCESSING", "READ_NOISE_CONSISTENT"]
    assert [test.test for test in policy.tests_of("bias")] == image
    assert [test.test for test in policy.tests_of("dark")] == image
    flats = [test for test in policy.tests_of("flat") if test.subject == "exposure"]
    flat = [(test.test, test.level) for test in flats]
    assert flat == [
        ("NOISE", "amplifier"),
        ("PROCESSING", "amplifier"),
        ("LEVEL", "detector"),
        ("SCATTER", "detector"),
        ("SCATTER", "exposure"),
    ]
    images = [*policy.tests_of("bias"), *policy.tests_of("dark"), *flats]
    warnings = {(test.calibration, test.test) for test in images if test.severity == "warning"}
    assert warnings == {("bias", "READ_NOISE_CONSISTENT"), ("dark", "READ_NOISE_CONSISTENT")}
    assert all(test.source for test in policy.tests)


def test_flats_of_many_chips_are_held_against_each_other_and_against_those_before() -> None:
    of_themselves = {
        instrument: {
            test.test: test.severity
            for test in builtin_policy(instrument).tests_of("flat")
            if test.subject == "product"
        }
        for instrument in INSTRUMENTS
    }
    assert not of_themselves["LATISS"]
    raft = of_themselves["LSSTComCam"]
    assert {test for test, severity in raft.items() if severity == "error"} == {
        "DETECTOR_IDENTITY",
        "DETECTOR_RESPONSE",
        "AMPLIFIER_RESPONSE",
        "GRADIENT_RESIDUAL",
        "LEVEL_STABILITY",
    }
    assert of_themselves["LSSTCam"] == raft | {"ITL_RATIO": "error"}  # the only one with two makers


def test_known_bad_channels_of_the_big_camera_are_waived_by_name() -> None:
    waivers = builtin_policy("LSSTCam").waivers
    waived = {(waiver.detector, waiver.amplifier) for waiver in waivers if waiver.calibration is None}
    assert ("R30_S00", "C10") in waived
    assert len(waived) == 5


def test_amplifiers_that_no_light_reaches_are_waived_for_flats() -> None:
    waived = {
        (str(one.detector), str(one.amplifier))
        for one in builtin_policy("LSSTCam").waivers
        if one.calibration == "flat"
    }
    dark = set()
    for detector in LSSTCAM.detectors:
        layout = detector.layout()
        x, y = (np.abs(one).ravel() for one in pixel_positions(LSSTCAM, layout))
        for one in layout.amplifiers:
            rows, columns = one.image_box.slices
            if np.hypot(x[columns].min(), y[rows].min()) > 350.0:  # its nearest pixel
                dark.add((detector.full_name, one.name))
    assert waived == dark


def policy_test(**more: object) -> PolicyTest:
    words = {
        "calibration": "bias",
        "test": "NOISE",
        "rule": "noise_within",
        "level": "amplifier",
        "statistic": "NOISE",
        "parameters": {"tolerance": 0.05},
        "unit": "electron",
        "source": "DMTN-101 §4.3",
    }
    return PolicyTest.model_validate(words | more)


def test_limits_follow_the_configuration_of_the_camera() -> None:
    test = policy_test(
        versions=[
            {"when": {"SEQCKSUM": 1477162166, "vendor": "ITL"}, "parameters": {"tolerance": 0.08}},
            {"when": {"vendor": "ITL"}, "parameters": {"tolerance": 0.06}},
        ]
    )
    assert test.parameters_for({"SEQCKSUM": "1477162166", "vendor": "ITL"}) == {"tolerance": 0.08}
    assert test.parameters_for({"SEQCKSUM": "9", "vendor": "ITL"}) == {"tolerance": 0.06}
    assert test.parameters_for({"vendor": "E2V"}) == {"tolerance": 0.05}
    assert test.parameters_for() == {"tolerance": 0.05}


def test_a_policy_knows_the_configurations_it_was_made_for() -> None:
    policy = Policy(
        name="x", version="1", tests=(policy_test(),), camera_configurations=({"SEQNAME": "a.seq"},)
    )
    assert policy.knows_configuration({"SEQNAME": "a.seq", "ODP": 3.4})
    assert not policy.knows_configuration({"SEQNAME": "b.seq"})
    assert not policy.knows_configuration({})
    assert builtin_policy("LATISS").knows_configuration({})


def covers(waiver: Waiver, **more: object) -> bool:
    words = {
        "calibration": "bias",
        "test": "NOISE",
        "detector": 0,
        "amplifier": "C06",
        "day_obs": 20240318,
    } | more
    return waiver.covers(words.pop("calibration"), words.pop("test"), **words)


def test_a_waiver_covers_what_it_names_until_its_last_day() -> None:
    waiver = Waiver(
        calibration="bias", test="NOISE", detector=0, amplifier="C06", reason="video board", until=20240318
    )
    assert covers(waiver)
    for other in (
        {"calibration": "dark"},
        {"test": "MEAN"},
        {"detector": 1},
        {"amplifier": "C07"},
        {"day_obs": 20240319},
    ):
        assert not covers(waiver, **other)
    assert not covers(waiver, detector=None, amplifier=None)


def test_a_waiver_of_a_dead_amplifier_covers_every_test() -> None:
    waiver = Waiver(detector="R30_S00", amplifier="C10", reason="dead")
    assert covers(
        waiver, detector=117, detector_name="R30_S00", amplifier="C10", test="MEAN", calibration="flat"
    )
    assert not covers(waiver, detector=118, detector_name="R30_S01", amplifier="C10")
    assert not covers(waiver, detector=117, amplifier="C10")


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("rule: noise_within ", "rule: noise_witin ", "tests[1].rule", "did you mean 'noise_within'?"),
        (
            "{tolerance: 0.05}",
            "{tolerence: 0.05}",
            "tests[1].parameters.tolerence",
            "a parameter of noise_within (tolerance)",
        ),
        (
            "{floor: 0.5, scatter_factor: 5}",
            "{scatter_factor: 5}",
            "tests[0].parameters",
            "expected floor, which",
        ),
        (
            "level: amplifier",
            "level: amp",
            "tests[0].level",
            "expected 'amplifier', 'detector', 'exposure' or 'run'",
        ),
        ("severity: warning", "severity: mild", "tests[4].severity", "expected 'error' or 'warning'"),
        ("test: CR_NOISE", "test: NOISE", "tests[2].test", "expected each test once"),
        (
            "{tolerance: 0.05}",
            "{tolerance: .inf}",
            "tests[1].parameters.tolerance",
            "expected a finite number",
        ),
        (
            "waivers: []",
            "waivers: [{calibration: bias, test: NOIS, reason: bad}]",
            "waivers[0].test",
            "expected one of",
        ),
        (
            "waivers: []",
            "waivers: [{calibration: bios, reason: bad}]",
            "waivers[0].calibration",
            "a calibration this",
        ),
        (
            "waivers: []",
            "waivers: [{calibration: bias, test: NOISE}]",
            "waivers[0].reason",
            "is missing; expected why",
        ),
        (
            "waivers: []",
            "waivers: [{reason: bad, until: 20241301}]",
            "waivers[0].until",
            "expected a day_obs, YYYYMMDD",
        ),
        ('version: "3"', "version: 3", "version", "expected a valid string"),
    ],
)
def test_a_wrong_policy_has_its_file_line_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, key: str, said: str
) -> None:
    path = tmp_path / "policy.yaml"
    assert old in SHIPPED
    path.write_text(SHIPPED.replace(old, new, 1))
    line = SHIPPED[: SHIPPED.index(old)].count("\n") + 1
    with pytest.raises(ProfileError) as caught:
        load_policy(path)
    assert f"{path}:{line}: {key}: " in str(caught.value)
    assert said in str(caught.value)


def test_a_policy_is_found_by_name_by_path_and_beside_its_profile(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SHIPPED)
    assert load_policy("latiss") == builtin_policy("LATISS")
    assert load_policy(tmp_path / "mine.yaml") == builtin_policy("LATISS")
    assert load_policy("mine.yaml", beside=tmp_path / "profile.yaml") == builtin_policy("LATISS")
    with pytest.raises(UsageError, match=r"there is no policy 'latis' — did you mean 'latiss'\?"):
        load_policy("latis")


# ---- tests of the calibration itself, and failures that are allowed


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subject": "product", "level": "run"}, "expected amplifier or detector"),
        ({"subject": "product", "applies_to": ["generation"]}, "expected nothing"),
        ({"level": "detector", "allowed_failures": 0.1}, "only with a test of amplifiers"),
        ({"allowed_failures": 1.0}, "less than 1"),
        ({"reference": "NOMINAL_GAIN"}, "expected nothing for noise_within"),
        ({"rule": "fraction_within"}, "expected the statistic to compare with"),
        ({"rule": "at_least", "parameters": {"maximum": 1}}, "expected a parameter of at_least"),
    ],
)
def test_a_test_that_makes_no_sense_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy(name="trial", version="1", tests=(policy_test(**more),))


def test_a_product_and_an_exposure_may_be_tested_under_one_name() -> None:
    product = policy_test(subject="product")
    both = Policy(name="trial", version="1", tests=(policy_test(), product))
    assert [test.subject for test in both.tests_of("bias")] == ["exposure", "product"]
    with pytest.raises(ValueError, match="expected each test once"):
        Policy(name="trial", version="1", tests=(product, product))


def test_an_allowance_takes_the_name_at_the_level_of_detectors() -> None:
    tests = (policy_test(allowed_failures=0.1), policy_test(level="detector"))
    with pytest.raises(ValueError, match="expected each test once"):
        Policy(name="trial", version="1", tests=tests)
