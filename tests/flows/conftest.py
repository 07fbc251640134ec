"""One short night for all tests of the walk: raws, a repository with them, and one at the gate."""

import os
from pathlib import Path

from flows.prefect_settings import apply_prefect_settings

apply_prefect_settings(Path(os.environ["PREFECT_HOME"]))  # the tests' own, and before Prefect is imported

import shutil  # noqa: E402
from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from tests.flows import walk  # noqa: E402


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what is made once and copied for each test, by whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "walk"
    folder.mkdir(exist_ok=True)
    return folder


def _once(folder: Path, make) -> Path:
    with walk.locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session")
def raws(templates: Path) -> Path:
    """Return the folder of the night's raws, with the truth beside them."""
    return _once(
        templates / "raw", lambda folder: walk.calprod("simulate", folder, "--night", walk.NIGHT).must()
    )


@pytest.fixture(scope="session")
def ingested_template(templates: Path, raws: Path) -> walk.Place:
    def make(folder: Path) -> None:
        place = walk.make_place(folder, raws)
        assert walk.calprod("ingest", place.repository, raws).status == 1  # one raw is truncated

    return walk.Place(_once(templates / "ingested", make), raws)


@pytest.fixture(scope="session")
def produced_template(templates: Path, ingested_template: walk.Place) -> walk.Place:
    def make(folder: Path) -> None:
        place = ingested_template.copy(folder)
        walk.calprod("run", place.repository, "--day-obs", walk.DAY).must()

    return walk.Place(_once(templates / "produced", make), ingested_template.raws)


@pytest.fixture
def ingested(ingested_template: walk.Place, tmp_path: Path) -> walk.Place:
    """Return a repository that holds the night's raws, and an empty site."""
    return ingested_template.copy(tmp_path / "ingested")


@pytest.fixture
def produced(produced_template: walk.Place, tmp_path: Path) -> walk.Place:
    """Return a repository in which the night's calibrations wait for a decision, and an empty site."""
    return produced_template.copy(tmp_path / "produced")


@pytest.fixture(scope="session")
def local_api() -> Iterator[str]:
    """Return the address of Prefect's own server, which all commands of a worker share."""
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    server.start()
    yield server.api_url
    server.stop()
