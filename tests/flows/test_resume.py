"""Killed anywhere and started again, a command ends where an undisturbed one ends, and does nothing twice."""

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from infra.ledger import Ledger
from infra.locks import exclusive
from infra.progress import listening
from tests.flows.walk import DAY, KEYS, ROOT, Command, Place, calprod, ledger_rows

CAMPAIGN = f"LATISS/calprod/nightly/{DAY}a"


@pytest.fixture
def command(local_api: str, tmp_path: Path) -> Callable[..., Command]:
    """Return what types a command in a process of its own."""
    return lambda *arguments: Command(tuple(map(str, arguments)), tmp_path / "log.txt", local_api)


def reached(place: Place, step: str, status: str, key: str | None = None) -> Callable[[], bool]:
    """Tell whether the ledger has come to a step since now."""
    known = len(ledger_rows(place.repository))

    def look() -> bool:
        rows = ledger_rows(place.repository)[known:]
        return any(
            (r["step"], r["status"]) == (step, status) and key in (None, r["calibration"]) for r in rows
        )

    return look


def written(folder: Path, pattern: str) -> Callable[[], bool]:
    """Tell whether a file is there that was not before."""
    known = set(folder.rglob(pattern))
    return lambda: bool(set(folder.rglob(pattern)) - known)


def final_state(place: Place) -> dict[str, object]:
    """Return all that two ways to the same end must agree in: nothing that names a time or a UUID."""
    summary = json.loads(calprod("show", CAMPAIGN, "-b", place.repository, "--json").must().out)
    with Butler.from_config(str(place.repository)) as butler:
        stamp = summary["calibrations"][0]["run"].rpartition("/")[2]
        collections = Counter(name.replace(stamp, "TIME") for name in butler.collections.query("*"))
        datasets = Counter(
            (ref.datasetType.name, str(ref.dataId), ref.run.replace(stamp, "TIME"))
            for name in butler.collections.query("LATISS/calib/*", collection_types=_runs())
            for ref in butler.query_all_datasets(name, find_first=False)
        )
    with sqlite3.connect(place.repository / "calprod" / "ledger.sqlite3") as connection:
        (metrics,) = connection.execute("SELECT COUNT(*) FROM metrics").fetchone()
    return {
        "states": {one["calibration"]: one["state"] for one in summary["calibrations"]},
        "digests": {one["calibration"]: one["datasets"][0]["digest"] for one in summary["calibrations"]},
        "verdicts": {one["calibration"]: one["verdict"] for one in summary["calibrations"]},
        "failures": {one["calibration"]: one["failures"] for one in summary["calibrations"]},
        "collections": collections,
        "datasets": datasets,
        "metrics": metrics,
    }


def _runs():
    from lsst.daf.butler import CollectionType

    return {CollectionType.RUN}


def assert_whole(place: Place) -> None:
    """Check that the ledger's chain of hashes holds, and that what must happen once did."""
    with Ledger.open(f"sqlite:///{place.repository}/calprod/ledger.sqlite3") as ledger:
        assert ledger.verify() == []
    done = Counter(
        (row["step"], row["calibration"]) for row in ledger_rows(place.repository) if row["status"] == "done"
    )
    assert {key: done["generate", key] for key in KEYS} == dict.fromkeys(KEYS, 1)
    opened = [
        row
        for row in ledger_rows(place.repository)
        if (row["step"], row["status"]) == ("campaign", "started")
    ]
    assert len(opened) == 1


# Each point is reached by the command that went on after the kill before it.
RUN_POINTS: tuple[tuple[str, Callable[[Place], Callable[[], bool]]], ...] = (
    ("the campaign is opened", lambda place: reached(place, "campaign", "started")),
    ("the bias is begun", lambda place: reached(place, "generate", "started", "bias")),
    (
        "the bias is written, and the ledger does not know",
        lambda place: written(place.repository, "bias_*.fits"),
    ),
    ("the bias is made", lambda place: reached(place, "generate", "done", "bias")),
    ("the bias is being verified", lambda place: reached(place, "verify", "started", "bias")),
    ("the dark is begun", lambda place: reached(place, "generate", "started", "dark")),
    ("the flat is made", lambda place: reached(place, "generate", "done", "flat-r")),
    ("all is verified, and nobody has been asked", lambda place: reached(place, "verify", "done", "flat-r")),
    ("people have been asked, and there is no report", lambda place: reached(place, "approve", "started")),
)


ALL = pytest.param(slice(None), marks=pytest.mark.slow, id="all")
SOME = pytest.param(slice(2, None, 3), id="some")


@pytest.mark.parametrize("which", [SOME, ALL])
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    which: slice, ingested: Place, produced_template: Place, command: Callable[..., Command]
) -> None:
    run = command("run", ingested.repository, "--day-obs", DAY)
    for words, point in RUN_POINTS[which]:
        look = point(ingested)
        if words.startswith("the bias is written") and any(ingested.repository.rglob("bias_*.fits")):
            continue  # the kill before came too late for this one
        try:
            run.start().kill_when(look)
        except AssertionError as error:
            raise AssertionError(f"at the point where {words}: {error}") from error
    assert run.start().wait() == 0
    assert final_state(ingested) == final_state(produced_template)
    assert_whole(ingested)
    directory = ingested.repository / "calprod" / "campaigns" / f"{DAY}a"
    assert {path.name for path in directory.iterdir()} >= {"report.html", "replay.sh"}


def approved(place: Place) -> None:
    calprod(
        *("approve", CAMPAIGN, "-b", place.repository, "--reviewer", "vera", "--begin", DAY),
        *("--accept-failures", "few pixels"),
    ).must()


RELEASE_POINTS: tuple[tuple[str, Callable[[Place], Callable[[], bool]]], ...] = (
    ("the round is begun", lambda place: reached(place, "release", "started")),
    ("the first is being certified", lambda place: reached(place, "certify", "started")),
    ("one is certified", lambda place: reached(place, "certify", "done", "dark")),
    ("the first is noted as chained", lambda place: reached(place, "chain", "done", "bias")),
    ("files are being exported", lambda place: written(place.repository / "calprod", "bias*.fits")),
    ("one is noted as exported", lambda place: reached(place, "export", "done", "bias")),
    ("files are being delivered", lambda place: written(place.site, "*.fits")),
    ("one is noted as delivered", lambda place: reached(place, "sync", "done", "bias")),
    ("the round is finished", lambda place: reached(place, "release", "done")),
)


@pytest.fixture(scope="module")
def undisturbed(produced_template: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = produced_template.copy(tmp_path_factory.mktemp("undisturbed") / "place")
    approved(place)
    calprod("release", CAMPAIGN, "-b", place.repository).must()
    return place


def site_state(place: Place) -> dict[str, object]:
    """Return what the site resolves, by names."""
    with Butler.from_config(str(place.site)) as butler:
        return {
            "chains": {
                name: butler.collections.get_info(name).children
                for name in ("LATISS/calib", "LATISS/calib/calprod")
            },
            "collections": Counter(butler.collections.query("*")),
            "certified": Counter(
                (str(one.ref.id), str(one.timespan))
                for key in KEYS
                for one in butler.registry.queryDatasetAssociations(
                    key.partition("-")[0], collections=["LATISS/calib"]
                )
            ),
            "files": sorted(path.name for path in place.site.rglob("*.fits")),
        }


@pytest.mark.parametrize("which", [SOME, ALL])
def test_a_release_killed_again_and_again_ends_as_an_undisturbed_one(
    which: slice, produced: Place, undisturbed: Place, command: Callable[..., Command]
) -> None:
    approved(produced)
    release = command("release", CAMPAIGN, "-b", produced.repository)
    for words, point in RELEASE_POINTS[which]:
        try:
            release.start().kill_when(point(produced))
        except AssertionError as error:
            raise AssertionError(f"at the point where {words}: {error}") from error
    assert release.start().wait() == 0
    assert final_state(produced) == final_state(undisturbed)
    assert site_state(produced) == site_state(undisturbed)
    assert_whole(produced)
    assert len(list((produced.repository / "calprod" / "bundles").iterdir())) == 1
    assert len(produced.entries("release", "started")) == len(produced.entries("release")) == 1
    compared = calprod("compare", "-b", produced.repository, "--fresh").must()
    assert "2 sites match" in compared.out


@pytest.mark.slow
def test_two_runs_at_once_make_everything_once(
    ingested: Place, produced_template: Place, command: Callable[..., Command]
) -> None:
    both = [command("run", ingested.repository, "--day-obs", DAY).start() for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert "waiting until it is done" in both[0].log.read_text()
    assert final_state(ingested) == final_state(produced_template)
    assert_whole(ingested)


def test_the_right_to_work_on_a_campaign_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    hold = f"""
import pathlib
import time
from infra.locks import exclusive
with exclusive(pathlib.Path({str(path)!r}), "it"):
    print("held", flush=True)
    time.sleep(600)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", hold],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    heard: list[str] = []

    class Listener:
        def say(self, line: str) -> None:
            heard.append(line)
            holder.kill()

        def advance(self, work: str, done: int, total: int) -> None:
            raise NotImplementedError

    with listening(Listener()), exclusive(path, "20240318a"):
        assert heard == ["another process works on 20240318a; waiting until it is done"]
    holder.wait()
