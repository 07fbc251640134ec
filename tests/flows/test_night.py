"""A short night: every fault is named, and the same raws make the same images, by whatever way."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from flows.nightly import nightly
from flows.parameters import NightlyParameters
from infra.butler.images import calibration_image
from infra.simulator import load_truth
from tests.flows.walk import (
    CAMPAIGN,
    DAY,
    KEYS,
    Place,
    approve,
    calprod,
    digests,
    release,
    show,
)


def test_every_planted_fault_is_named_in_the_plan(produced_template: Place) -> None:
    plan = json.loads(calprod("plan", produced_template.repository, "--day-obs", DAY, "--json").must().out)
    excluded = {row["exposure"]: row["reason"] for row in plan["exposures"] if row["role"] == "excluded"}
    truth = load_truth(produced_template.raws)
    words = {
        "other-sequencer": "SEQNAME",
        "light-leak": "light leak",
        "saturated": "saturated",
        "truncated": "truncated",
    }
    planted = {one.exposure: one.fault for one in truth.faults}
    assert sorted(planted.values()) == sorted(words)
    assert excluded.keys() == planted.keys()
    for exposure, fault in planted.items():
        assert words[fault] in excluded[exposure]


def test_every_exposure_has_exactly_one_reason_for_each_calibration(produced_template: Place) -> None:
    plan = json.loads(calprod("plan", produced_template.repository, "--day-obs", DAY, "--json").must().out)
    rows = [(row["exposure"], row["calibration"]) for row in plan["exposures"]]
    assert len(set(rows)) == len(rows)
    truth = load_truth(produced_template.raws)
    assert {row["exposure"] for row in plan["exposures"]} == {one.exposure for one in truth.exposures}
    assert all(row["reason"] for row in plan["exposures"])


def test_the_nightly_flow_finds_the_day_and_makes_the_same_images(
    ingested: Place, produced_template: Place
) -> None:
    parameters = NightlyParameters(repository=ingested.repository, producer="calprod")
    assert nightly(parameters) == (f"LATISS/calprod/nightly/{CAMPAIGN}",)
    assert nightly(parameters) == ()
    assert digests(ingested) == digests(produced_template)
    assert len(digests(ingested)) == 3


def replay(place: Place, script: str) -> subprocess.CompletedProcess[str]:
    path = place.root / "replay.sh"
    path.write_text(script)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", path],
        env={**os.environ, "PATH": tools, "REPO": str(place.repository), "REPLAY": "yes"},
        capture_output=True,
        text=True,
        check=False,
    )


def image_of(place: Place, run: str, kind: str, **data_id: object):
    with Butler.from_config(str(place.repository)) as butler:
        return calibration_image(
            butler.get(kind, instrument="LATISS", detector=0, collections=[run], **data_id)
        )


def test_the_replay_script_makes_the_same_image_elsewhere(ingested: Place, produced_template: Place) -> None:
    from infra.butler.images import image_digest

    script = calprod("record", CAMPAIGN, "-b", produced_template.repository).must().out
    head, *steps = re.split(r"^(?=# make |# verify )", script, flags=re.MULTILINE)
    assert [step.splitlines()[0] for step in steps] == [
        f"# {verb} {key}" for key in KEYS for verb in ("make", "verify")
    ]
    done = replay(ingested, head + steps[0])
    assert done.returncode == 0, done.stderr
    bias = show(produced_template)["bias"]
    image = image_of(ingested, bias["run"], "bias")
    assert image_digest(image) == bias["datasets"][0]["digest"]


@pytest.mark.slow
def test_the_whole_replay_script_makes_the_same_images_elsewhere(ingested: Place, produced: Place) -> None:
    from infra.butler.images import image_digest

    approve(produced)
    release(produced).must()
    script = calprod("record", CAMPAIGN, "-b", produced.repository).must().out
    done = replay(ingested, script)
    assert done.returncode == 0, done.stderr
    for key, one in show(produced).items():
        filters = {"physical_filter": "SDSSr_65mm~empty"} if key == "flat-r" else {}
        image = image_of(ingested, one["run"], key.partition("-")[0], **filters)
        assert image_digest(image) == one["datasets"][0]["digest"]
    with Butler.from_config(str(ingested.repository)) as butler:
        assert set(butler.collections.get_info("LATISS/calib/calprod").children) == {
            collection for one in show(produced).values() for collection in one["certified"]
        }


def test_a_replay_asks_for_consent_and_for_a_repository(produced_template: Place) -> None:
    script = produced_template.repository / "calprod" / "campaigns" / CAMPAIGN / "replay.sh"
    done = subprocess.run(
        ["bash", script], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "set REPO" in done.stderr
    done = subprocess.run(
        ["bash", script],
        env={"PATH": os.environ["PATH"], "REPO": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "set REPLAY=yes" in done.stderr
