"""Profiles: what is shipped works, and what is wrong has a line."""

import re
from pathlib import Path

import pytest

from infra.errors import ProfileError, UsageError
from infra.settings import Profile, builtin_profile, load_profile, with_environment

INSTRUMENTS = ("LATISS", "LSSTComCam", "LSSTCam")
SHIPPED = Path(__file__).with_name("three_calibrations.yaml").read_text()


def changed(folder: Path, old: str, new: str) -> tuple[Path, int]:
    """Write a profile with one thing changed; returns the file and the line of the change."""
    assert SHIPPED.count(old) >= 1
    path = folder / "profile.yaml"
    path.write_text(SHIPPED.replace(old, new, 1))
    return path, SHIPPED[: SHIPPED.index(old)].count("\n") + 1


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_shipped_profiles_are_right(instrument: str) -> None:
    profile = builtin_profile(instrument)
    assert profile.instrument == instrument
    order = [calibration.name for calibration in profile.ordered()]
    spectra = ["spectroFlat"] if instrument == "LATISS" else []
    shifts = ["electroBfDistortionMatrix"] if instrument == "LSSTCam" else []
    assert order == [
        *("biasBootstrap", "darkBootstrap", "flatBootstrap"),
        *("defects", "linearizer", "cti", "ptc", "bfk"),
        *(*shifts, "bias", "dark", "flat"),
        *(*spectra, "fringe", "sky", "crosstalk"),
    ]
    assert [one.name for one in profile.calibrations if not one.is_certified] == order[:3]
    filtered = [one.name for one in profile.calibrations if one.per_filter]
    assert filtered == ["flatBootstrap", "flat", "fringe", "sky"]
    special = [one.name for one in profile.calibrations if one.selection.when_taken]
    assert special == ["linearizer", "cti", "ptc", "bfk", *shifts, *spectra, "fringe", "sky", "crosstalk"]
    assert profile.camera_state_keys == ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET")
    assert profile.certification.mode == "gated"
    assert profile.ledger is None
    stacked = [one for one in profile.calibrations if one.name in ("bias", "dark", "flat")]
    assert all(one.selection.target == 20 and one.selection.drop_first == 1 for one in stacked)


def test_the_name_of_an_instrument_may_be_written_small() -> None:
    assert builtin_profile("latiss") == builtin_profile("LATISS")


def test_an_instrument_without_a_profile_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"there is no profile 'lattis' — did you mean 'latiss'\?"):
        builtin_profile("LATTIS")
    with pytest.raises(UsageError, match="known: latiss, latiss-2024-04, lsstcam, lsstcomcam"):
        builtin_profile("HSC")


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        (
            "      target: 20 ",
            "      targt: 20 ",
            "calibrations[0].selection.targt",
            "unknown key; did you mean 'target'?",
        ),
        (
            "      target: 20 ",
            "      target: many ",
            "calibrations[0].selection.target",
            "expected a valid integer",
        ),
        (
            "minimum: 10",
            "minimum: 30",
            "calibrations[0].selection",
            "expected minimum (30) to be at most target (20)",
        ),
        (
            "sets: largest",
            "sets: bigest",
            "calibrations[0].selection.sets",
            "expected 'largest', 'latest' or 'all', not 'bigest'",
        ),
        (
            "gap_seconds: 600",
            "gap_seconds: -1",
            "calibrations[0].selection.gap_seconds",
            "expected greater than 0",
        ),
        (
            "every_nth: 5",
            "every_nth: .nan",
            "calibrations[0].selection.verification.every_nth",
            "expected a finite number",
        ),
        (
            "after: [bias, dark]",
            "after: [bias, drk]",
            "calibrations[2].after[1]",
            "(bias, dark, flat), not 'drk'",
        ),
        (
            "after: [bias]",
            "after: [flat]",
            "calibrations[1].after",
            "no circle, found dark after flat after dark",
        ),
        ("  quorum: 1", "  quorum: 0", "gate.quorum", "expected greater than or equal to 1"),
        ("  quorum: 1", "  qorum: 1", "gate.qorum", "did you mean 'quorum'?"),
        (
            "ledger: null",
            "ledger: postgresql://a:hunter2@db/x",
            "ledger",
            "expected no password in a settings file",
        ),
        (
            "destination: null",
            "destination: s3://k:hunter2@b/x",
            "export.destination",
            "expected no password",
        ),
        (
            "notifications: []",
            "notifications: [https://u:hunter2@h/x]",
            "notifications[0]",
            "expected no password",
        ),
        (
            "remotes: []",
            "remotes: [{name: a, address: /x, file_mode: 0640}]",
            "remotes[0].file_mode",
            'such as "0640"',
        ),
        ("remotes: []", "remotes: [{name: a}]", "remotes[0].address", "is missing; expected path or URI"),
        (
            "remotes: []",
            "remotes: [{name: a, kind: rsink, address: /x}]",
            "remotes[0].kind",
            "expected 'butler'",
        ),
        (
            "remotes: []",
            "remotes: [{name: a, address: /x}, {name: a, address: /y}]",
            "remotes[1].name",
            "each name once",
        ),
        ("filters: null", "filters: 3", "calibrations[2].selection.filters", "expected a valid tuple"),
        ("ticket: calprod", "ticket: DM 1/2", "campaign.ticket", "should match pattern"),
        (
            "notifications: []",
            "notifications: []\npolicy: x",
            "policy",
            "expected once, it is also on line 10",
        ),
        ("  mode: gated", "  mode: open", "certification.mode", "expected 'gated' or 'staged', not 'open'"),
        ("kind: in-process", "kind: cloud", "executor.kind", "expected 'in-process'"),
    ],
)
def test_a_wrong_key_or_value_has_its_file_line_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, key: str, said: str
) -> None:
    path, line = changed(tmp_path, old, new)
    if key in (
        "calibrations[0].selection",
        "policy",
    ):  # said at the head of the section, or of the second key
        line = {"policy": line + 1}.get(key, SHIPPED[: SHIPPED.index("    selection:")].count("\n") + 1)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert f"{path}:{line}: {key}: " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_quorum_larger_than_the_board_is_refused(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "reviewers: []\n  quorum: 1", "reviewers: [ann]\n  quorum: 2")
    with pytest.raises(
        ProfileError, match=r"gate.quorum: expected at most 1, the number of reviewers, not 2"
    ):
        load_profile(path)


def test_a_missing_key_says_what_it_is(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "instrument: LATISS", "")
    with pytest.raises(
        ProfileError, match="instrument: is missing; expected name of the instrument in the Butler"
    ):
        load_profile(path)


def test_several_mistakes_are_told_from_the_top(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(SHIPPED.replace("  quorum: 1", "  quorm: 1").replace("target: 20", "target: x"))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    lines = [int(line) for line in re.findall(r"profile\.yaml:(\d+):", str(caught.value))]
    assert len(lines) == 3
    assert lines == sorted(lines)
    assert "(and 1 more)" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ":1: is empty"),
        ("# only a comment\n", ":1: is empty"),
        ("- a\n- b\n", ":1: expected keys with values"),
        ("LATISS", ":1: expected keys with values"),
        ("instrument: LATISS\npolicy: [\n", ":3: is not YAML"),
        ("instrument: LATISS\n\tpolicy: x\n", ":2: is not YAML"),
        ("instrument: !!python/object/apply:os.system ['true']\n", ":1: is not YAML"),
        ("a: &a [*a]\n", "aliases without end"),
        ("instrument: LATISS\n---\npolicy: x\n", "is not YAML"),
        ("when: 2024-02-30\n", "holds an impossible value"),
    ],
)
def test_what_is_no_settings_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(content)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_aliases_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    path = tmp_path / "profile.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ProfileError, match="aliases without end"):
        load_profile(path)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load_profile(tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="is not UTF-8 text"):
        load_profile(binary)


def test_modes_are_octal(tmp_path: Path) -> None:
    path, _ = changed(tmp_path, "remotes: []", 'remotes: [{name: a, address: /x, file_mode: "0440"}]')
    (remote,) = load_profile(path).remotes
    assert (remote.file_mode_bits, remote.directory_mode_bits) == (0o440, 0o750)


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    address = "postgresql://calprod:${CALPROD_LEDGER_PASSWORD}@db/ledger"
    path, _ = changed(tmp_path, "ledger: null", f"ledger: {address}")
    ledger = load_profile(path).ledger
    assert ledger == address
    assert with_environment(ledger, {"CALPROD_LEDGER_PASSWORD": "x"}) == "postgresql://calprod:x@db/ledger"
    with pytest.raises(ProfileError, match="needs the environment variable CALPROD_LEDGER_PASSWORD"):
        with_environment(ledger, {})


def test_calibrations_are_ordered_by_need_and_else_as_written() -> None:
    shipped = builtin_profile("LATISS")
    one = {entry.name: entry for entry in shipped.calibrations}
    for written, made in (
        (("flat", "dark", "bias"), ["bias", "dark", "flat"]),
        (("bias", "ptc", "linearizer"), ["bias", "ptc", "linearizer"]),  # what is only used moves nothing
    ):
        profile = shipped.model_dump() | {"calibrations": [one[name] for name in written]}
        assert [entry.name for entry in Profile.model_validate(profile).ordered()] == made


def test_a_calibration_without_raws_says_what_it_is_made_from(tmp_path: Path) -> None:
    path, line = changed(tmp_path, "    observation_type: bias\n", "")
    with pytest.raises(ProfileError, match="expected observation_type, or in 'after'") as caught:
        load_profile(path)
    assert f"{path}:{line - 1}: calibrations[0]: " in str(caught.value)
