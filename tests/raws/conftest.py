"""What the tests of raws share: a repository that knows LATISS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name


@pytest.fixture
def butler(tmp_path: Path) -> Iterator[Butler]:
    """Return a writeable Butler of an empty repository in which LATISS is registered."""
    create_repository(tmp_path / "repo")
    with open_butler(tmp_path / "repo", writeable=True) as opened:
        register_instrument(opened, instrument_class_name("LATISS"))
        yield opened
