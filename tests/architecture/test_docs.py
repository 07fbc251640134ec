"""The documentation promises nothing that does not exist: files, headings, commands, make targets."""

import importlib.util
import re
from pathlib import Path

import pytest

from flows.cli import group

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`|```\w*\n(.*?)```", re.DOTALL)


def identifier(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code_of(page: Path) -> list[str]:
    return [
        line for inline, block in CODE.findall(page.read_text()) for line in (inline or block).splitlines()
    ]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_links_and_pictures_exist(page: Path) -> None:
    missing = []
    for target in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            missing.append(target)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_commands_exist(page: Path) -> None:
    named = {verb for line in code_of(page) for verb in re.findall(r"\bcalprod ([a-z]+)", line)}
    assert named <= set(group._VERBS)


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for line in code_of(page) for name in re.findall(r"^make ([a-z-]+)", line)}
    assert named <= targets


def test_every_command_of_the_help_has_its_module() -> None:
    assert [verb for verb in group._VERBS if importlib.util.find_spec(f"flows.cli.{verb}") is None] == []
