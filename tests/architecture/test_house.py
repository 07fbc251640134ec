"""The rules of the house that neither the linters nor the import contracts can see."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = {"flows", "tasks", "infra", "deployments", "tests", "docs"}
FILES = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "requirements.lock"}

LONGEST_MODULE = 300
"""Lines; a longer module is two rooms."""

# Written so that this file does not match itself.
FOREIGN_TEXT = {
    "a path of one machine": r"(?<![\w.~-])/(?:wor[k]|roo[t]|hom[e]|User[s])/\w",
    "the host of a package registry": r"pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|deb[.]debian[.]org",
}


def tracked_files() -> list[Path]:
    """Return what git tracks, and what it would if it were added; skip outside a checkout."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def calibration_rooms() -> set[str]:
    """Return the rooms with an algorithm; the rooms they share hold steps of one."""
    return {path.parent.name for path in (ROOT / "tasks").glob("*/algorithm.py")}


def import_contracts() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def test_top_level_holds_only_what_the_house_allows() -> None:
    entries = {path.parts[0] for path in tracked_files()}
    strangers = {name for name in entries - FOLDERS - FILES if not name.startswith(".")}
    assert not strangers


def test_no_module_is_longer_than_a_room() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in modules("flows", "tasks", "infra", "deployments")
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_nothing_names_one_machine_or_a_package_registry() -> None:
    found = []
    for path in tracked_files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for what, pattern in FOREIGN_TEXT.items():
            found += [f"{path}: {what}: {match.group()}" for match in re.finditer(pattern, text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see /hom" + "e/observer/raws", "a path of one machine"),
        ("index-url = files.python" + "hosted.org/packages", "the host of a package registry"),
    ],
)
def test_the_patterns_recognise_what_they_forbid(text: str, what: str) -> None:
    assert re.search(FOREIGN_TEXT[what], text)


def test_every_calibration_room_stands_in_the_import_contract() -> None:
    layers = import_contracts()["rooms"]["layers"]
    assert calibration_rooms() == {name.strip() for name in layers[0].split("|")}


def test_calibration_rooms_invent_no_other_furniture() -> None:
    furniture = {"__init__.py", "algorithm.py", "pipeline_task.py", "verify.py", "figures.py"}
    others = [
        f"{room}/{path.name}"
        for room in calibration_rooms()
        for path in (ROOT / "tasks" / room).glob("*.py")
        if path.name not in furniture
    ]
    assert others == []


def test_every_package_folder_has_its_init() -> None:
    bare = {
        str(path.parent.relative_to(ROOT))
        for path in modules("flows", "tasks", "infra")
        if not (path.parent / "__init__.py").exists()
    }
    assert bare == set()


def test_calibration_rooms_hold_no_logic_in_their_init() -> None:
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    busy = [
        room
        for room in calibration_rooms()
        for statement in ast.parse((ROOT / "tasks" / room / "__init__.py").read_text()).body
        if not isinstance(statement, allowed)
    ]
    assert busy == []


def test_prefect_is_imported_by_flows_and_stage_modules_only() -> None:
    """The import contract covers the modules of a room; this covers each room's `__init__` too."""
    guests = []
    for path in modules("infra", "tasks"):
        is_stage = path.parent == ROOT / "tasks"
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if not is_stage and any(name.split(".")[0] == "prefect" for name in names):
                guests.append(str(path.relative_to(ROOT)))
    assert guests == []
