"""YAML that remembers on which line each key stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.errors import ProfileError

__all__ = ["LinedDocument", "read_yaml"]

type Location = tuple[str | int, ...]

_DEEPEST = 40
_LARGEST = 100_000


@dataclass(frozen=True, slots=True)
class LinedDocument:
    """A YAML document and where in the file its parts stand."""

    path: Path
    """The file."""
    content: Any
    """Plain dicts, lists and scalars."""
    lines: Mapping[Location, int]
    """Line, counted from 1, of the value or key at each location."""

    def line_of(self, location: Sequence[str | int]) -> int:
        """Return the line of a location, or of the nearest thing that holds it."""
        place = tuple(location)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def where(self, location: Sequence[str | int]) -> str:
        """Return ``file:line: key.path`` for messages."""
        return f"{self.path}:{self.line_of(location)}: {dotted(location)}".rstrip()


def dotted(location: Sequence[str | int]) -> str:
    """Write a location as people do: ``calibrations[1].selection.target``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_yaml(path: Path) -> LinedDocument:
    """Read one YAML document, safely, with the line of every key.

    Parameters
    ----------
    path
        File to read.

    Returns
    -------
    LinedDocument
        Content and lines.

    Raises
    ------
    ProfileError
        If the file cannot be read, is not YAML, is empty, or says a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(
            f"{path}: cannot be read ({error.strerror})", "name a YAML file that exists"
        ) from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: is not UTF-8 text", "save it as UTF-8") from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise ProfileError(f"{path}:1: is empty", "write the settings, or copy a profile that is shipped")
        lines: dict[Location, int] = {}
        _note_lines(node, (), lines, path)
        return LinedDocument(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProfileError(f"{path}:{line}: is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ProfileError(f"{path}: is not YAML: {error}") from error
    except ValueError as error:  # such as a date 2024-02-30, which has the form of one
        raise ProfileError(f"{path}: holds an impossible value: {error}") from error


def _note_lines(node: yaml.Node, location: Location, lines: dict[Location, int], path: Path) -> None:
    lines.setdefault(location, node.start_mark.line + 1)
    if len(location) > _DEEPEST or len(lines) > _LARGEST:
        # An alias that holds itself never ends, and a few lines of aliases of aliases fill the memory.
        raise ProfileError(f"{path}:{node.start_mark.line + 1}: expected settings, found aliases without end")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*location, str(key.value))
            if place in lines:
                # YAML lets the last one win in silence; a limit set twice is a mistake.
                raise ProfileError(
                    f"{path}:{key.start_mark.line + 1}: {dotted(place)}: expected once, "
                    f"it is also on line {lines[place]}"
                )
            lines[place] = key.start_mark.line + 1
            _note_lines(value, place, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _note_lines(value, (*location, position), lines, path)
