"""Taking raws in as a person does: what is told meanwhile, and what a kill leaves behind."""

import json
import shutil
from pathlib import Path

import pytest

from flows.cli import main
from flows.cli.init import initialise
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.progress import listening
from infra.raws.ingest import ingest_raws
from tasks.campaigns.intake import take_in
from tests.children import kill_before_write, run_in_child
from tests.raws.small_raws import write_raw


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def say(self, line: str) -> None:
        pass

    def advance(self, work: str, done: int, total: int) -> None:
        self.told.append((work, done, total))


@pytest.fixture(scope="module")
def latiss(tmp_path_factory) -> Path:
    """Return an empty repository of LATISS, to be copied."""
    root = tmp_path_factory.mktemp("latiss") / "repo"
    initialise(root, "LATISS")
    return root


@pytest.fixture
def repository(latiss, tmp_path) -> Path:
    return Path(shutil.copytree(latiss, tmp_path / "repo"))


def test_an_ingest_of_many_files_told_nobody_how_far_it_was(repository, tmp_path):
    paths = [write_raw(tmp_path / f"{number}.fits", number) for number in (1, 2, 3)]
    heard = Heard()
    with listening(heard):
        take_in(repository, None, paths)
    assert heard.told == [("reading raws", done, 3) for done in (1, 2, 3)]


def test_progress_is_no_part_of_what_machines_read(repository, tmp_path, capfd):
    raw = write_raw(tmp_path / "1.fits", 1)
    with pytest.raises(SystemExit) as leaving:
        main(["ingest", str(repository), str(raw), "--json"])
    assert leaving.value.code == 0
    said = capfd.readouterr()
    assert len(json.loads(said.out)["ingested"]) == 1
    assert "reading raws: 1 of 1" in said.err


def test_an_ingest_killed_while_its_run_is_registered_could_never_be_repeated(tmp_path):
    """The Butler writes a RUN in two transactions; killed between them nothing can be written to it."""
    raw = write_raw(tmp_path / "1.fits", 1)
    create_repository(tmp_path / "empty")
    with open_butler(tmp_path / "empty", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
    killed = 0
    for number in range(1, 5):
        root = Path(shutil.copytree(tmp_path / "empty", tmp_path / f"repo-{number}"))

        def action(number: int = number, root: Path = root) -> None:
            with open_butler(root, writeable=True) as butler:
                kill_before_write(number, str(tmp_path / "nowhere"), tmp_path / "count")
                ingest_raws(butler, [raw], n_threads=1)

        killed += run_in_child(action) == 9
        with open_butler(root, writeable=True) as butler:
            report = ingest_raws(butler, [raw])
            assert len(report.ingested) + len(report.skipped) == 1
            assert not report.refused
    assert killed > 0
