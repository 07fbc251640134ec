"""What the tests of the whole walk share: a short night, repositories to copy, and commands to type."""

import io
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flows.cli import main
from infra.settings import builtin_profile_path

ROOT = Path(__file__).parents[2]
NIGHT = Path(__file__).with_name("tiny_night.yaml")
DAY = 20240321
CAMPAIGN = f"{DAY}a"
REVIEWERS = ("vera", "edwin")
SITE = "summit"
KEYS = ("bias", "dark", "flat-r")
CALIBRATIONS = ("bias", "dark", "flat")
FAILING = "dark"
"""The calibration that the tests' policy never lets pass."""


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    def must(self) -> "Outcome":
        assert self.status == 0, f"exit status {self.status}\n{self.out}\n{self.err}"
        return self


def calprod(*arguments: object) -> Outcome:
    """Type a command, in this process: imports and Prefect's server are there already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([str(one) for one in arguments])
        except SystemExit as leaving:
            status = leaving.code
    assert isinstance(status, int)
    return Outcome(status, out.getvalue(), err.getvalue())


def complaint(*arguments: object) -> tuple[int, str]:
    """Type what is wrong; return the exit status and the one line that says so."""
    done = calprod(*arguments)
    assert "Traceback" not in done.out + done.err
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("calprod"), lines[0]
    return done.status, lines[0]


def calprod_process(*arguments: object, **environment: str) -> Outcome:
    """Type a command in a shell of its own, as people do."""
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Place:
    """A folder with a repository, a remote site, and the raws both came from."""

    root: Path
    raws: Path

    @property
    def repository(self) -> Path:
        return self.root / "repo"

    @property
    def site(self) -> Path:
        return self.root / SITE

    @property
    def profile(self) -> Path:
        return self.repository / "calprod" / "profile.yaml"

    def copy(self, target: Path) -> "Place":
        """Copy the repository and the site; only the addresses in the profile know where they are."""
        shutil.copytree(self.root, target, ignore=shutil.ignore_patterns("prefect"))
        copied = Place(target, self.raws)
        copied.settings(lambda profile: profile["remotes"][0].update(address=str(copied.site)))
        return copied

    def settings(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Edit the profile."""
        profile = yaml.safe_load(self.profile.read_text())
        change(profile)
        self.profile.write_text(yaml.safe_dump(profile, sort_keys=False))

    def entries(self, step: str, status: str = "done") -> list[dict[str, Any]]:
        """Return what the ledger says of a step."""
        return [row for row in ledger_rows(self.repository) if (row["step"], row["status"]) == (step, status)]


def make_place(root: Path, raws: Path) -> Place:
    """Make a repository with a profile and policy for few frames, and a site beside it."""
    place = Place(root, raws)
    root.mkdir(parents=True, exist_ok=True)
    calprod("init", place.repository, "--instrument", "LATISS").must()
    calprod("init", place.site, "--instrument", "LATISS").must()
    profile = yaml.safe_load(builtin_profile_path("LATISS").read_text())
    # Three calibrations are enough for what the walk is about; all of them are made in test_all_calibrations.
    profile["calibrations"] = [one for one in profile["calibrations"] if one["name"] in CALIBRATIONS]
    for calibration in profile["calibrations"]:
        calibration["uses"] = []
        calibration["selection"].update(target=6, minimum=5)
    profile["policy"] = "policy.yaml"
    profile["gate"]["reviewers"] = list(REVIEWERS)
    profile["remotes"] = [{"name": SITE, "address": str(place.site)}]
    place.profile.write_text(yaml.safe_dump(profile, sort_keys=False))
    policy = yaml.safe_load((ROOT / "deployments" / "policies" / "latiss.yaml").read_text())
    for test in policy["tests"]:
        if test["test"] == "NOISE":
            # Few pixels: 5 % is too near. And one calibration always fails, so that the gate has both kinds.
            test["parameters"]["tolerance"] = 1e-4 if test["calibration"] == FAILING else 0.1
    place.profile.with_name("policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    return place


def ledger_rows(repository: Path) -> list[dict[str, Any]]:
    """Read the ledger's entries while others write them."""
    path = repository / "calprod" / "ledger.sqlite3"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM entries ORDER BY sequence")]
    except sqlite3.OperationalError:  # no table yet
        return []
    finally:
        connection.close()


def show(place: Place, campaign: str = CAMPAIGN) -> dict[str, dict]:
    """Return what ``calprod show`` says of each calibration."""
    summary = json.loads(calprod("show", campaign, "-b", place.repository, "--json").must().out)
    return {one["calibration"]: one for one in summary["calibrations"]}


def digests(place: Place, campaign: str = CAMPAIGN) -> dict[str, str]:
    """Return the digest of each combined image."""
    return {
        key: one["datasets"][0]["digest"] for key, one in show(place, campaign).items() if one["datasets"]
    }


def states(place: Place, campaign: str = CAMPAIGN) -> dict[str, str]:
    """Return where each calibration stands."""
    return {key: one["state"] for key, one in show(place, campaign).items()}


def approve(place: Place, *more: object, campaign: str = CAMPAIGN) -> None:
    """Type the command that approves what waits."""
    calprod(
        *("approve", campaign, "-b", place.repository, "--reviewer", "vera", "--begin", DAY),
        *("--accept-failures", "few pixels", *more),
    ).must()


def release(place: Place, campaign: str = CAMPAIGN) -> Outcome:
    """Type the command that releases what is approved."""
    return calprod("release", campaign, "-b", place.repository)


# ---- commands that can be killed

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.flows.preload"])


@dataclass
class Command:
    """A command in a process of its own, forked from one in which everything is imported."""

    arguments: tuple[str, ...]
    log: Path
    api_url: str
    process: Any = field(default=None)

    def start(self) -> "Command":
        self.process = _context.Process(target=_run, args=(self.arguments, str(self.log), self.api_url))
        self.process.start()
        return self

    def kill_when(self, reached: Callable[[], bool], *, seconds: float = 150.0) -> None:
        """Kill it, as ``kill -9`` does, when it has come to a point; it must not have ended before."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process.is_alive(), f"it ended before it was killed:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"it never came to that point:\n{self.log.read_text()}"
            time.sleep(0.01)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def wait(self, *, seconds: float = 200.0) -> int:
        """Wait for its end; return its exit status."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"it hangs:\n{self.log.read_text()}"
        return self.process.exitcode


def _run(arguments: tuple[str, ...], log: str, api_url: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    with temporary_settings({PREFECT_API_URL: api_url}):
        main(list(arguments))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one pytest worker at a time make what all of them use."""
    import fcntl

    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
