"""Which Python the Makefile takes, told with stand-in interpreters on a PATH of our own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deployments" / "bootstrap" / "find_python.sh"


def stand_in(path: Path, *, works: bool) -> Path:
    """Write an executable that is the running Python, or one that only complains."""
    path.parent.mkdir(parents=True, exist_ok=True)
    action = f"exec '{sys.executable}' \"$@\"" if works else "echo 'command not found' >&2; exit 127"
    path.write_text(f"#!/bin/sh\n{action}\n")
    path.chmod(0o755)
    return path


class Machine:
    """A machine with one folder on PATH and an empty home."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "with blanks" / "bin"
        self.home = folder / "home"
        self.bin.mkdir(parents=True)
        self.home.mkdir()
        for tool in ("sh", "env"):
            (self.bin / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")

    def find(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(SCRIPT)],
            env={"PATH": str(self.bin), "HOME": str(self.home), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_suitable_is_status_1_and_no_output(machine: Machine) -> None:
    found = machine.find()
    assert (found.returncode, found.stdout) == (1, "")


def test_named_python_goes_first(machine: Machine, tmp_path: Path) -> None:
    stand_in(machine.bin / "python3.12", works=True)
    named = stand_in(tmp_path / "my own" / "python", works=True)
    assert machine.find(CALPROD_PYTHON=str(named)).stdout.strip() == str(named)


def test_named_python_that_does_not_work_is_an_error_not_a_hint(machine: Machine) -> None:
    stand_in(machine.bin / "python3.12", works=True)
    found = machine.find(CALPROD_PYTHON="/nowhere/python")
    assert found.returncode == 2
    assert "/nowhere/python" in found.stderr
    assert "unset it" in found.stderr


def test_shim_that_answers_command_not_found_is_passed_over(machine: Machine) -> None:
    stand_in(machine.bin / "python3.12", works=False)
    good = stand_in(machine.bin / "python3.13", works=True)
    assert machine.find().stdout.strip() == str(good)


def test_older_python3_on_path_does_not_hide_a_newer_in_pyenv(machine: Machine) -> None:
    stand_in(machine.bin / "python3", works=False)
    kept = stand_in(machine.home / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3", works=True)
    assert machine.find().stdout.strip() == str(kept)


def test_path_goes_before_pyenv(machine: Machine) -> None:
    stand_in(machine.home / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3", works=True)
    on_path = stand_in(machine.bin / "python3", works=True)
    assert machine.find().stdout.strip() == str(on_path)


def test_help_lists_every_target_with_a_sentence() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make on PATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        [make, "-C", str(ROOT)], env=environment, capture_output=True, text=True, check=True
    )
    for target in ("venv", "demo", "test", "test-slow", "lint", "bench", "clean"):
        assert f"  make {target} " in shown.stdout
