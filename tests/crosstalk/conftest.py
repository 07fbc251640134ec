"""A repository that knows LATISS, its profile, and two exposures a day apart."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cli.init import initialise
from infra.workspace import Workspace, open_workspace
from tasks.campaigns.intake import take_in
from tests.raws.small_raws import write_raw


@pytest.fixture(scope="session")
def repository_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curated")
    repository = folder / "repo"
    initialise(repository, "LATISS")
    raws = [write_raw(folder / f"raw{day}.fits", 1, day_obs=day) for day in (20240318, 20240319)]
    take_in(repository, None, raws, transfer="copy")
    return repository


@pytest.fixture
def workspace(repository_template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """Return a repository of one's own."""
    shutil.copytree(repository_template, tmp_path / "repo")
    with open_workspace(tmp_path / "repo") as opened:
        yield opened
