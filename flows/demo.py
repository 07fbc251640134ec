"""The demo: a simulated LATISS calibration night, from raw frames to two sites that match."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.cli.init import initialise
from flows.parameters import ProduceParameters, ReleaseParameters
from flows.produce import produce
from flows.release import release
from infra.files import write_atomically
from infra.progress import advance, say
from infra.settings import builtin_profile_path
from infra.simulator import load_night_spec, simulate_night
from infra.workspace import open_workspace
from tasks.campaigns.intake import take_in
from tasks.campaigns.store import load_campaign
from tasks.gate.decide import Answer, decide
from tasks.report import write_report

__all__ = ["Demo", "run_demo"]

INSTRUMENT = "LATISS"
SITE = "summit"
REVIEWER = "vera"


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo left its things."""

    directory: Path
    repository: Path
    site: Path
    day_obs: int
    campaign: str
    faults: dict[int, str]
    """Faults planted in the night: exposure ID to name."""


def run_demo(directory: Path, night: str = "demo", *, full: bool = False) -> Demo:
    """Simulate a night and take it all the way.

    Parameters
    ----------
    directory
        Where to put everything; empty but for Prefect's files.
    night
        Night specification, by name or path.
    full
        Simulate full-size frames.
    """
    directory = directory.resolve()
    raws, repository, site = directory / "raw", directory / "repo", directory / SITE
    say(f"simulating a calibration night in {raws}")
    truth = simulate_night(
        load_night_spec(night),
        raws,
        full=full,
        progress=lambda done, total: advance("simulating", done, total),
    )
    say("making two repositories: the one calibrations are made in, and a remote site")
    profile = _demo_profile(directory, site)
    initialise(repository, INSTRUMENT, profile=profile)
    initialise(site, INSTRUMENT)
    report = take_in(repository, None, [raws])
    say(f"ingested {len(report.ingested)} raws, refused {len(report.refused)}")
    campaign = produce(
        ProduceParameters(
            repository=repository, day_obs=truth.day_obs, ticket="DM-00000", tag="demo", producer="demo"
        )
    )
    _approve(repository, campaign, truth.day_obs)
    release(ReleaseParameters(repository=repository, campaign=campaign))
    with open_workspace(repository) as workspace:
        write_report(workspace, load_campaign(workspace, campaign))
    faults = {one.exposure: ", ".join(one.faults) for one in truth.exposures if one.faults}
    return Demo(directory, repository, site, truth.day_obs, campaign, faults)


def _demo_profile(directory: Path, site: Path) -> Path:
    """Write the instrument's profile with one remote site added."""
    settings = yaml.safe_load(builtin_profile_path(INSTRUMENT).read_text())
    settings["remotes"] = [
        {"name": SITE, "kind": "butler", "address": str(site), "file_mode": "0640", "directory_mode": "0750"}
    ]
    settings["gate"]["reviewers"] = [REVIEWER]
    settings["export"]["destination"] = str(directory / "bundles")
    path = directory / "profile.yaml"
    write_atomically(path, yaml.safe_dump(settings, sort_keys=False))
    return path


def _approve(repository: Path, campaign: str, day_obs: int) -> None:
    """Answer the gate as a reviewer would; failures of the demo's sound frames would stop it here."""
    with open_workspace(repository) as workspace:
        answer = Answer(approve=True, reviewer=REVIEWER, begin_day=day_obs)
        for key, outcome in decide(workspace, load_campaign(workspace, campaign), answer).items():
            say(f"{key}: {outcome}")
