"""What machines read of each command."""

import json
import re
from pathlib import Path

import yaml

from tests.flows.walk import CAMPAIGN, DAY, KEYS, Place, calprod, calprod_process, complaint


def test_plan_json(ingested_template: Place) -> None:
    plan = json.loads(calprod("plan", ingested_template.repository, "--day-obs", DAY, "--json").must().out)
    assert plan.keys() >= {"day_obs", "instrument", "sets", "exposures"}
    assert (plan["day_obs"], plan["instrument"]) == (DAY, "LATISS")
    for row in plan["exposures"]:
        assert row.keys() >= {"exposure", "calibration", "role", "reason", "evidence"}
        assert row["role"] in ("generation", "verification", "excluded")


def test_show_json(produced_template: Place) -> None:
    summary = json.loads(calprod("show", "-b", produced_template.repository, "--json").must().out)
    assert summary["campaign"] == f"LATISS/calprod/nightly/{CAMPAIGN}"
    assert [one["calibration"] for one in summary["calibrations"]] == list(KEYS)
    for one in summary["calibrations"]:
        assert one.keys() >= {
            "state",
            "run",
            "verification_run",
            "certified",
            "datasets",
            "verdict",
            "failures",
        }
        (dataset,) = one["datasets"]
        assert re.fullmatch(r"[0-9a-f]{64}", dataset["digest"])
        assert re.fullmatch(r"[0-9a-f-]{36}", dataset["uuid"])
        assert bool(one["failures"]) == (one["verdict"] == "failed-verification")
        for test in one["failures"]:
            assert test.keys() >= {
                *("calibration", "exposure", "detector", "amplifier"),
                *("test", "value", "limit", "unit", "severity"),
            }


def test_trend_json(produced_template: Place) -> None:
    for metric, unit in (("bias.mean", "electron"), ("bias.noise", "electron"), ("flat.noise_ratio", None)):
        rows = json.loads(calprod("trend", metric, "-b", produced_template.repository, "--json").must().out)
        assert rows, metric
        for row in rows:
            assert row.keys() >= {
                *("campaign", "calibration", "exposure", "detector", "amplifier"),
                *("metric", "value", "unit", "observed"),
            }
            assert row["metric"] == metric
            assert unit in (None, row["unit"])
    one = json.loads(
        calprod("trend", "bias.mean", "-b", produced_template.repository, "--json", "--amplifier", "C10").out
    )
    assert {row["amplifier"] for row in one} == {"C10"}


def test_days_and_status_json(produced_template: Place) -> None:
    (day,) = json.loads(calprod("days", produced_template.repository, "--json").must().out)
    assert (day["day_obs"], day["state"]) == (DAY, "done")
    assert {one["calibration"] for one in day["calibrations"]} == set(KEYS)
    rows = json.loads(calprod("status", "-b", produced_template.repository, "--json").must().out)
    assert {(row["calibration"], row["state"]) for row in rows} == {
        (key, "awaiting-approval") for key in KEYS
    }
    assert rows[0].keys() == {"campaign", "day_obs", "calibration", "state", "since", "out_of_date"}


def test_prefects_log_stays_off_the_terminal(produced: Place) -> None:
    done = calprod_process("compare", "-b", produced.repository, "--json")
    assert done.status == 1
    (line,) = done.err.splitlines()
    assert line.startswith("calprod: ")
    assert "calprod release" in line  # nothing has been released yet


def test_ingest_json(ingested: Place) -> None:
    done = calprod("ingest", ingested.repository, ingested.raws, "--json")
    report = json.loads(done.out)
    assert done.status == 1  # the truncated one
    assert report["ingested"] == []
    assert len(report["skipped"]) == 26
    (refused,) = report["refused"]
    assert "truncated" in refused["reason"]


def test_a_dry_run_says_and_does_nothing(ingested: Place) -> None:
    done = calprod("run", ingested.repository, "--day-obs", DAY, "--dry-run").must()
    assert "would combine 6 exposures into bias and test it on" in done.out
    assert ingested.entries("campaign", "started") == []


def test_the_profile_that_init_leaves_is_the_one_in_force(tmp_path: Path) -> None:
    calprod("init", tmp_path / "repo", "--instrument", "LSSTComCam").must()
    profile = yaml.safe_load((tmp_path / "repo" / "calprod" / "profile.yaml").read_text())
    assert profile["instrument"] == "LSSTComCam"
    again = calprod("init", tmp_path / "repo", "--instrument", "LSSTComCam").must()
    assert "is ready" in again.out
    status, line = complaint("init", tmp_path / "repo", "--instrument", "LATISS")
    assert status == 2
    assert "LSSTComCam" in line
