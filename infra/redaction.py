"""Secrets are taken out of whatever is written down: records, messages, reports."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

__all__ = ["HIDDEN", "redact", "redact_text"]

HIDDEN = "[redacted]"
"""What stands in the place of a secret."""

# Whole words of a key, so that `author` and `camera_state_keys` are not taken for secrets.
_SECRET_WORDS = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "credential",
        "credentials",
    }
    | {"apikey", "auth", "authorization", "cookie", "signature"}
)
_SECRET_PAIRS = frozenset(
    {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("auth", "string")}
)
_NOT_SECRET = frozenset({"policy", "count", "digest", "length"})

_URL_PASSWORD = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@'\"]*):(?P<secret>[^\s'\"/]+)@")
_URL_PARAMETER = re.compile(
    r"(?P<head>[?&;](?:[\w\-]*(?:token|signature|credential|secret|password|api[_\-]?key)[\w\-]*|sig)=)[^\s&;'\"]+",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?P<head>--?[\w\-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key)[\w\-]*(?:=|\s+))"
    r"(?P<secret>'[^']*'|\"[^\"]*\"|\S+)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(
    r"(?P<head>\b[A-Z0-9_]*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|AUTH_STRING)[A-Z0-9_]*=)"
    r"(?P<secret>'[^']*'|\"[^\"]*\"|\S+)"
)
_BEARER = re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/\-]{8,}=*")
_KNOWN_FORMS = (
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # Amazon access keys
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b"),  # GitHub tokens
    re.compile(r"\bxox[abprs]-[A-Za-z0-9\-]{10,}"),  # Slack tokens
    re.compile(r"\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]+"),  # JSON web tokens
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)
_WEBHOOK = re.compile(r"(?P<head>https://hooks\.slack\.com/services/)[^\s'\"]+")


def redact(value: Any) -> Any:
    """Give a copy of a JSON-like value without secrets.

    Parameters
    ----------
    value
        Nested mappings, sequences and scalars.

    Returns
    -------
    typing.Any
        The same shape. What stands under a key that names a secret, and every secret form inside a text,
        is replaced by `HIDDEN`.
    """
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _names_secret(str(key)) and item not in (None, "") else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: str) -> str:
    """Give a text without passwords in URLs, secret options and variables of commands, tokens and keys.

    A reference such as ``${NAME}`` or ``$NAME`` is no secret and stays, so that a command can be replayed.
    """
    text = _URL_PASSWORD.sub(lambda match: _hide(match, after="@", joint=":"), text)
    text = _URL_PARAMETER.sub(lambda match: match["head"] + HIDDEN, text)
    text = _OPTION.sub(_hide, text)
    text = _VARIABLE.sub(_hide, text)
    text = _BEARER.sub(lambda match: match["head"] + HIDDEN, text)
    text = _WEBHOOK.sub(lambda match: match["head"] + HIDDEN, text)
    for form in _KNOWN_FORMS:
        text = form.sub(HIDDEN, text)
    return text


def _hide(match: re.Match[str], *, after: str = "", joint: str = "") -> str:
    secret = match["secret"]
    if secret.strip("'\"").startswith("$"):
        return match[0]
    return match["head"] + joint + HIDDEN + after


def _names_secret(key: str) -> bool:
    """Tell whether a key such as ``dbPassword`` or ``api_key`` names a secret."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]
    if not words or words[-1] in _NOT_SECRET:
        return False
    pairs = set(pairwise(words))
    return bool(_SECRET_WORDS.intersection(words) or _SECRET_PAIRS & pairs)
