"""Headers kept as YAML or JSON: plain mappings, dumps of Rubin's PropertyList."""

import json
from pathlib import Path
from typing import Any

import yaml

__all__ = ["load_header"]


class _HeaderLoader(yaml.SafeLoader):
    """Reads dates as the text they are, and PropertyLists as mappings."""


_HeaderLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _property_list(loader: _HeaderLoader, node: yaml.Node) -> dict[str, Any]:
    """Rows are name, type, value, comment; the value is a list where the card is repeated."""
    header = {}
    for name, kind, value, _comment in loader.construct_sequence(node, deep=True):
        is_list = isinstance(value, list) and kind != "Undef"
        header[name] = value[-1] if is_list and name not in ("COMMENT", "HISTORY") else value
    return header


_HeaderLoader.add_constructor("!<lsst.daf.base.PropertyList>", _property_list)
_HeaderLoader.add_constructor("lsst.daf.base.PropertyList", _property_list)


def load_header(path: Path) -> dict[str, Any]:
    """Return the cards of a header file, COMMENT and HISTORY left out."""
    text = path.read_text()
    header = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_HeaderLoader)
    header.pop("__CONTENT__", None)
    # A PropertyList writes hierarchical keywords with dots, FITS with blanks.
    cards = {
        name.removeprefix("HIERARCH.").replace(".", " ") if name.startswith("HIERARCH.") else name: value
        for name, value in header.items()
    }
    return {name: value for name, value in cards.items() if name not in ("COMMENT", "HISTORY")}
