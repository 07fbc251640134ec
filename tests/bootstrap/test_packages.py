"""What the tests take from Debian is asked for, never forced on whoever is not root."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deployments" / "bootstrap" / "test_packages.sh"


def run_script(folder: Path, user: int) -> subprocess.CompletedProcess[str]:
    """Run it where there is no browser, as the user of that number; apt-get only notes what it is asked."""
    (folder / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (folder / "apt-get").write_text(f"#!/bin/sh\necho \"$@\" >> '{folder}/asked'\n")
    for name in ("id", "apt-get"):
        (folder / name).chmod(0o755)
    for name in ("sh", "ls", "mktemp", "rm", "tail"):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return subprocess.run(
        ["/bin/sh", str(SCRIPT)], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_who_is_not_root_is_told_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    told = run_script(tmp_path, user=1000)
    assert told.returncode == 0
    assert "sudo apt-get install chromium" in told.stderr
    assert not (tmp_path / "asked").exists()


def test_root_gets_what_is_missing(tmp_path: Path) -> None:
    assert run_script(tmp_path, user=0).returncode == 0
    assert "chromium" in (tmp_path / "asked").read_text()
