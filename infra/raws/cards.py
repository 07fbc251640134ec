"""FITS header cards as a plain dictionary, read without astropy: milliseconds a file, not hundreds."""

import re

from infra.errors import RawRejected

__all__ = ["CARD_LENGTH", "Header", "HeaderValue", "number", "parse_cards", "whole_number"]

type HeaderValue = str | int | float | bool | None
"""The value of a card; None where the card holds no value."""

type Header = dict[str, HeaderValue]
"""Cards by keyword; HIERARCH keywords as "SIMULATE ATMCS", of repeated cards the first."""

CARD_LENGTH = 80
"""Bytes of one header card."""

_COMMENTARY = frozenset({"COMMENT", "HISTORY", ""})
_INTEGER = re.compile(r"[+-]?\d+$")
_HIERARCH = re.compile(r"HIERARCH +(?P<key>[^=]+?) *= ?(?P<value>.*)$", re.DOTALL)


def parse_cards(block: bytes) -> tuple[Header, bool]:
    """Return the cards of one or more header blocks, and whether the END card was among them.

    Parameters
    ----------
    block
        Whole cards of 80 bytes each.

    Notes
    -----
    FITS Standard 4.0, §4: fixed and free format values, strings with doubled quotes, CONTINUE (§4.2.1.2), and
    the HIERARCH convention. Commentary cards of one keyword are joined by newlines. A value that is neither
    string, number nor logical is kept as the string it is.
    """
    text = block.decode("latin-1")
    header: Header = {}
    last_string = ""
    for start in range(0, len(text) - CARD_LENGTH + 1, CARD_LENGTH):
        keyword = text[start : start + 8].rstrip()
        body = text[start + 8 : start + CARD_LENGTH]
        if body.startswith("= "):
            value = _value(body[2:])
        elif keyword == "END" and not body.strip():
            return header, True
        elif keyword == "CONTINUE" and last_string:
            _continue_string(header, last_string, body)
            continue
        elif keyword == "HIERARCH" and (match := _HIERARCH.match(text[start : start + CARD_LENGTH])):
            keyword, value = match["key"].upper(), _value(match["value"])
        elif keyword in _COMMENTARY:
            _join_commentary(header, keyword, body.rstrip())
            continue
        else:
            continue
        is_new = keyword not in header
        if is_new:
            header[keyword] = value
        last_string = keyword if is_new and isinstance(value, str) else ""
    return header, False


def number(header: Header, keyword: str) -> float | None:
    """Return a card as a number, or None where it is absent or empty.

    Raises
    ------
    infra.errors.RawRejected
        If the card holds something that is not a number.
    """
    value = header.get(keyword)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except ValueError:
        raise RawRejected(f"header card {keyword} is {value!r}, not a number") from None


def whole_number(header: Header, keyword: str, default: int | None = None) -> int:
    """Return a card that must be a whole number.

    Raises
    ------
    infra.errors.RawRejected
        If the card is absent (and there is no default) or is not a whole number.
    """
    value = header.get(keyword)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise RawRejected(f"header card {keyword} is {value!r}, not a whole number")
    return value


def _value(field: str) -> HeaderValue:
    field = field.strip()
    if field.startswith("'"):
        return _string(field)
    field = field.partition("/")[0].rstrip()
    if not field:
        return None
    if field in ("T", "F"):
        return field == "T"
    if _INTEGER.match(field):
        return int(field)
    try:
        return float(field.replace("D", "E").replace("d", "e"))
    except ValueError:
        return field


def _string(field: str) -> str:
    """Return the text between the quotes; trailing blanks mean nothing, doubled quotes mean one."""
    end = 1
    while True:
        end = field.find("'", end)
        if end < 0:  # the closing quote is missing: take the text as it stands
            return field[1:].rstrip().replace("''", "'")
        if field[end + 1 : end + 2] != "'":
            return field[1:end].replace("''", "'").rstrip()
        end += 2


def _continue_string(header: Header, keyword: str, body: str) -> None:
    """Append a CONTINUE card to the string it continues, which ends in an ampersand until the last part."""
    begun = header[keyword]
    if isinstance(begun, str) and begun.endswith("&") and body.lstrip().startswith("'"):
        header[keyword] = begun[:-1] + _string(body.strip())


def _join_commentary(header: Header, keyword: str, line: str) -> None:
    if not keyword:
        return
    begun = header.get(keyword)
    header[keyword] = line if begun is None else f"{begun}\n{line}"
