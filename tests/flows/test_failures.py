"""One calibration of a night cannot be made, or cannot be measured: what becomes of the others."""

from typing import Any

import pytest
import yaml

from tasks.campaigns.requests import pipelines_directory
from tests.flows.walk import CAMPAIGN, DAY, Outcome, Place, calprod, states

pytestmark = pytest.mark.timeout(600)


def break_dark(place: Place, setting: str, name: str) -> None:
    """Let the dark be made, or measured, by a pipeline that asks for a calibration that is nowhere."""
    pipeline = yaml.safe_load((pipelines_directory() / f"{name}.yaml").read_text())
    for task in pipeline["tasks"].values():
        task["config"] = {**task.get("config", {}), "connections.bias": "nowhere"}
    broken = place.profile.with_name("broken.yaml")
    broken.write_text(yaml.safe_dump(pipeline))
    set_dark(place, setting, str(broken))


def set_dark(place: Place, setting: str, value: str) -> None:
    def change(profile: dict[str, Any]) -> None:
        (dark,) = (one for one in profile["calibrations"] if one["name"] == "dark")
        dark[setting] = value

    place.settings(change)


def run(place: Place) -> Outcome:
    return calprod("run", place.repository, "--day-obs", DAY)


def test_what_cannot_be_made_takes_those_along_that_are_made_with_it(ingested: Place) -> None:
    break_dark(ingested, "pipeline", "dark")
    done = run(ingested)
    assert done.status == 1
    assert f"2 of the calibrations of LATISS/calprod/nightly/{CAMPAIGN} could not be made" in done.err
    assert "nowhere" in done.err
    assert "flat-r: left out, since dark could not be made" in done.err
    assert states(ingested) == {"bias": "awaiting-approval", "dark": "planned", "flat-r": "planned"}
    set_dark(ingested, "pipeline", "dark")
    run(ingested).must()
    assert set(states(ingested).values()) == {"awaiting-approval"}
    # What was made before the failure is not made again.
    assert [row["calibration"] for row in ingested.entries("generate")] == ["bias", "dark", "flat-r"]


def test_what_cannot_be_measured_still_serves_the_others(ingested: Place) -> None:
    break_dark(ingested, "verification_pipeline", "verifyDark")
    done = run(ingested)
    assert done.status == 1
    assert "1 of the calibrations" in done.err
    assert "dark: " in done.err
    assert "left out" not in done.err
    made = states(ingested)
    assert made == {"bias": "awaiting-approval", "dark": "candidate", "flat-r": "awaiting-approval"}
    set_dark(ingested, "verification_pipeline", "verifyDark")
    run(ingested).must()
    assert set(states(ingested).values()) == {"awaiting-approval"}
