"""Secrets stay out of settings files: a file names an environment variable, the process has its value."""

import os
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from infra.errors import ProfileError

__all__ = ["Address", "with_environment"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _without_secret(address: str) -> str:
    """Refuse an address with a password written out; a ``${VARIABLE}`` in its place is welcome."""
    try:
        password = urlsplit(address).password
    except ValueError:
        raise ValueError("expected a path or an address such as s3://bucket/prefix") from None
    if password and not _VARIABLE.fullmatch(password):
        raise ValueError(
            "expected no password in a settings file; write ${NAME} for it and set NAME in the environment"
        )
    return address


type Address = Annotated[str, AfterValidator(_without_secret)]
"""A path or URL, which may hold ``${NAME}`` for a value from the environment, never a password."""


def with_environment(address: str, environment: Mapping[str, str] | None = None) -> str:
    """Give an address with every ``${NAME}`` replaced by the value of the environment variable.

    Parameters
    ----------
    address
        Address as written in a profile.
    environment
        Variables by name; those of the process by default.

    Returns
    -------
    str
        The address to use. It may hold a secret: do not log it.

    Raises
    ------
    ProfileError
        If a variable is not set.
    """
    variables = os.environ if environment is None else environment

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            raise ProfileError(
                f"'{address}' needs the environment variable {name}, which is not set", f"set {name}"
            )
        return variables[name]

    return _VARIABLE.sub(value_of, address)
