"""Help with examples, and one clear line about what was asked wrongly."""

import json
import re
import shutil
from pathlib import Path

import pytest

from flows.cli.group import _VERBS
from tests.flows.walk import CAMPAIGN, DAY, Place, calprod, calprod_process, complaint


@pytest.mark.parametrize("verb", _VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    done = calprod(verb, "--help").must()
    assert f"Example: calprod {verb}" in done.out
    assert f"Usage: calprod {verb}" in done.out


def test_the_list_of_verbs_says_what_each_does() -> None:
    done = calprod("--help").must()
    for verb, words in _VERBS.items():
        assert re.search(rf"^  {verb}\s+{re.escape(words[:30])}", done.out, re.MULTILINE)


def test_help_does_not_import_the_middleware() -> None:
    # Importing the Butler takes seconds, and Prefect as long again.
    done = calprod_process("run", "--help")
    assert done.status == 0
    done = calprod_process("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.status == 0
    assert "lsst.daf.butler" not in done.err
    assert "prefect" not in done.err


# ---- asked wrongly: status 2


def test_a_repository_that_is_none(tmp_path: Path) -> None:
    for arguments in (
        ("days", tmp_path),
        ("plan", tmp_path, "--day-obs", DAY),
        ("run", tmp_path, "--day-obs", DAY),
        ("ingest", tmp_path, __file__),
        ("status", "-b", tmp_path),
        ("show", "-b", tmp_path),
        ("report", "-b", tmp_path),
        ("record", "-b", tmp_path),
        ("approve", "x", "-b", tmp_path, "--reviewer", "vera", "--begin", DAY),
        ("reject", "x", "-b", tmp_path, "--reviewer", "vera", "--reason", "x"),
        ("release", "x", "-b", tmp_path),
        ("sync", "summit", "-b", tmp_path),
        ("compare", "-b", tmp_path),
        ("trend", "bias.mean", "-b", tmp_path),
        ("exclude", tmp_path, "--list"),
    ):
        status, line = complaint(*arguments)
        assert status == 2, arguments
        assert f"{tmp_path} is not a Butler repository: it holds no butler.yaml" in line, arguments
        assert "calprod init" in line, arguments
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plan", "run"])
@pytest.mark.parametrize("day", ["20240230", "yesterday", "2024", "20241301", "202403180"])
def test_a_day_that_does_not_exist(ingested_template: Place, name: str, day: str) -> None:
    status, line = complaint(name, ingested_template.repository, "--day-obs", day)
    assert status == 2
    assert f"'{day}' is not an observing day; write it as 20240318" in line


def test_a_day_without_exposures(ingested_template: Place) -> None:
    for arguments in (("plan",), ("run", "--dry-run"), ("run",)):
        name, *more = arguments
        status, line = complaint(name, ingested_template.repository, "--day-obs", 20200101, *more)
        assert status == 2
        assert "20200101" in line


@pytest.mark.parametrize(
    ("exposures", "words"),
    [
        ("12x", "'12x' is not an exposure ID"),
        ("-5", "'-5' is not an exposure ID"),
        ("2024032100002,2024032199999", "2024032199999"),
    ],
)
def test_an_exposure_that_is_none(ingested_template: Place, exposures: str, words: str) -> None:
    status, line = complaint(
        *("run", ingested_template.repository, "--day-obs", DAY, "--dry-run"),
        *(f"--exposures={exposures}", "--override-reason", "a test"),
    )
    assert status in (1, 2)
    assert words in line


def test_a_calibration_that_the_profile_does_not_make(ingested_template: Place) -> None:
    for name in ("plan", "run"):
        status, line = complaint(name, ingested_template.repository, "--day-obs", DAY, "--calib", "bias,ptx")
        assert status == 2
        assert "'ptx'" in line
        assert "bias, dark, flat" in line
    status, line = complaint("run", ingested_template.repository, "--day-obs", DAY, "--calib", "flat-z")
    assert status == 2
    assert "flat-z" in line


@pytest.mark.parametrize(
    "option", [("--ticket", "DM 1/2"), ("--tag", "a/b"), ("--tag", ""), ("--ticket", "-x")]
)
def test_words_that_cannot_stand_in_the_name_of_a_collection(ingested_template: Place, option) -> None:
    status, line = complaint("run", ingested_template.repository, "--day-obs", DAY, *option)
    assert status == 2
    assert option[0] in line


def test_an_unknown_verb() -> None:
    status, line = complaint("aprove", CAMPAIGN)
    assert status == 2
    assert "No such command 'aprove'. Did you mean 'approve'?" in line
    status, line = complaint("xyzzy")
    assert "See 'calprod --help'" in line


def test_an_unknown_option_and_a_missing_one(ingested_template: Place) -> None:
    status, line = complaint("run", ingested_template.repository)
    assert (status, "--day-obs" in line) == (2, True)
    status, line = complaint("run", ingested_template.repository, "--day", DAY)
    assert (status, "--day-obs" in line) == (2, True)
    status, line = complaint("approve", CAMPAIGN, "-b", ingested_template.repository)
    assert (status, "--reviewer" in line) == (2, True)


def test_an_instrument_that_is_none(tmp_path: Path) -> None:
    status, line = complaint("init", tmp_path / "repo", "--instrument", "HSC")
    assert status == 2
    assert "LATISS, LSSTComCam, LSSTCam" in line
    assert not (tmp_path / "repo").exists()


def test_a_folder_that_is_in_use_is_no_place_for_a_repository(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    status, line = complaint("init", tmp_path, "--instrument", "LATISS")
    assert status == 2
    assert "is not an empty directory" in line
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_demo_removes_nothing_of_others(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    status, line = complaint("demo", tmp_path)
    assert status == 2
    assert "holds something that is no demo" in line
    assert (tmp_path / "letter.txt").exists()


def test_a_night_that_is_wrong_is_refused_with_its_line(tmp_path: Path) -> None:
    night = tmp_path / "night.yaml"
    night.write_text("instrument: LATISS\nday_obs: 20240321\nsets:\n  - {name: bias, type: bios, count: 3}\n")
    status, line = complaint("simulate", tmp_path / "raw", "--night", night)
    assert status == 2
    assert f"{night}:4" in line or "line 4" in line
    assert "type" in line
    status, line = complaint("simulate", tmp_path / "raw", "--night", "nothing")
    assert status == 2
    assert "nothing" in line


# ---- profiles


def edited(place: Place, tmp_path: Path, old: str, new: str) -> Path:
    text = place.profile.read_text()
    assert text.count(old) == 1
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(old, new))
    shutil.copy(place.profile.with_name("policy.yaml"), tmp_path)
    return path


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  quorum: 1", "  quorun: 1", "quorun"),
        ("  quorum: 1", "  quorum: many", "quorum"),
        ("policy: policy.yaml", "policy: policy.yml", "policy"),
        ("instrument: LATISS", "instrument: [LATISS", "profile.yaml"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_line(
    ingested_template: Place, tmp_path: Path, old: str, new: str, words: str
) -> None:
    profile = edited(ingested_template, tmp_path, old, new)
    number = 1 + profile.read_text().splitlines().index(new)
    status, line = complaint("run", ingested_template.repository, "--day-obs", DAY, "--profile", profile)
    assert status == 2
    assert words in line
    if "policy" not in old:
        # What is no YAML at all is noticed where it cannot go on.
        assert re.search(rf":({number}|{number + 1}):", line), line


def test_a_profile_that_is_not_there(ingested_template: Place, tmp_path: Path) -> None:
    for command in (("days", ingested_template.repository), ("status", "-b", ingested_template.repository)):
        status, line = complaint(*command, "--profile", tmp_path / "other.yaml")
        assert status == 2
        assert str(tmp_path / "other.yaml") in line
        assert "calprod init" not in line  # the repository is not what is wrong


def test_files_that_are_no_raws_are_refused_by_name(ingested: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, words in (
        (tmp_path / "missing.fits", "missing.fits"),
        (tmp_path / "empty", "holds no raw file"),
    ):
        status, line = complaint("ingest", ingested.repository, path)
        assert status == 2
        assert words in line
    wrong = tmp_path / "letter.fits"
    wrong.write_text("dear")
    done = calprod("ingest", ingested.repository, wrong, "--json")
    assert done.status == 1
    report = json.loads(done.out)
    assert report["ingested"] == []
    assert [Path(one["path"]).name for one in report["refused"]] == ["letter.fits"]
    assert report["refused"][0]["reason"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, line = complaint("simulate", tmp_path / "file" / "raw", "--night", "small")
    assert status in (1, 2)
    assert str(tmp_path / "file") in line


# ---- exclusions


def test_exclusions_are_added_listed_and_lifted(ingested: Place) -> None:
    repository, exposure = ingested.repository, DAY * 100000 + 5
    status, line = complaint("exclude", repository, "--exposure", exposure)
    assert (status, "--reason" in line) == (2, True)
    calprod(
        "exclude", repository, "--exposure", exposure, "--reason", "dome lights", "--author", "vera"
    ).must()
    (row,) = json.loads(calprod("exclude", repository, "--list", "--json").must().out)
    assert (row["exposure"], row["reason"], row["author"]) == (exposure, "dome lights", "vera")
    plan = json.loads(calprod("plan", repository, "--day-obs", DAY, "--json").must().out)
    (planned,) = (one for one in plan["exposures"] if one["exposure"] == exposure)
    assert planned["role"] == "excluded"
    assert "dome lights" in planned["reason"]
    calprod("exclude", repository, "--lift", row["sequence"], "--reason", "they were off").must()
    assert json.loads(calprod("exclude", repository, "--list", "--json").must().out) == []
    status, line = complaint("exclude", repository, "--lift", 9999, "--reason", "x")
    assert status in (1, 2)
    assert "9999" in line
