"""A page taken apart by the standard library's parser: what a browser would make of it, more or less."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

ATTRIBUTES = {
    *("aria-hidden", "aria-label", "aria-labelledby", "charset", "checked", "class", "clip-path", "colspan"),
    *("content", "cx", "cy", "d", "data-result", "data-role", "fill", "font-size", "height", "href"),
    *("http-equiv", "id", "lang", "name", "opacity", "open", "preserveaspectratio", "r", "rel", "role", "rx"),
    *(
        "scope",
        "stroke",
        "stroke-linecap",
        "stroke-width",
        "style",
        "tabindex",
        "title",
        "transform",
        "type",
        "viewbox",
    ),
    *("width", "x", "xlink:href", "y"),
}
"""Every attribute the templates and figures may use."""


_VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.pieces)).strip()

    def find(self, tag: str | None = None, **wanted: str) -> list["Element"]:
        """Return elements of a tag that have these attributes; ``class_`` is one of the classes."""
        found = []
        for one in self.walk():
            names = one.attributes.get("class", "").split()
            if tag not in (None, one.tag) or ("class_" in wanted and wanted["class_"] not in names):
                continue
            if all(one.attributes.get(name) == value for name, value in wanted.items() if name != "class_"):
                found.append(one)
        return found

    def one(self, tag: str | None = None, **wanted: str) -> "Element":
        found = self.find(tag, **wanted)
        assert len(found) == 1, f"{len(found)} of {tag} {wanted}"
        return found[0]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element.pieces.append(data)


def parse(html: str) -> Element:
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert parser.open == [parser.root], "an element is not closed"
    return parser.root


def listed(page: Element) -> Counter[str]:
    """Return every single result on the page by its place."""
    return Counter(
        row.attributes["data-result"] for row in page.find("tr") if "data-result" in row.attributes
    )
