"""What all tests share: the same hypothesis examples every time, nothing taken from or left in a home."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

_KEPT = {"CALPROD_TEST_DATA", "CALPROD_PYTHON"}


def _isolate_from_the_caller() -> None:
    """Give Prefect and Matplotlib an empty home and forget the caller's calprod settings.

    Runs at import, because Prefect reads its settings when it is imported. Every xdist worker gets its own
    home, so that two workers never share a Prefect database.
    """
    home = tempfile.mkdtemp(prefix="calprod-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in list(os.environ):
        if name.startswith("PREFECT_") or (name.startswith("CALPROD_") and name not in _KEPT):
            del os.environ[name]
    os.environ.update(
        PREFECT_HOME=f"{home}/prefect",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_CLI_COLORS="false",
        MPLBACKEND="Agg",
        # No test may reach the account of whoever runs it.
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
    )


_isolate_from_the_caller()

hypothesis.settings.register_profile(
    "calprod",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# New examples every time, to look for more: pytest --hypothesis-profile=explore
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("calprod")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder with real headers and frames, or skip where it is absent."""
    named = os.environ.get("CALPROD_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real headers and frames in {folder}: name their folder in CALPROD_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium, or skip where none is installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on PATH: 'make test-packages' installs it")
