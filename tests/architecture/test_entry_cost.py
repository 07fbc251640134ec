"""The command line answers at once: its entry loads none of the heavy packages."""

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = ("numba", "scipy", "matplotlib", "lsst.daf.butler", "prefect")


@pytest.mark.parametrize("entry", ["flows.cli", "tasks.selection", "infra.ledger", "infra.settings"])
def test_control_side_loads_no_heavy_package(entry: str) -> None:
    if importlib.util.find_spec(entry) is None:
        pytest.skip(f"no {entry}")
    code = f"import json, sys, {entry}; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout) == []
