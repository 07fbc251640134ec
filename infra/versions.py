"""Versions of the software in use, for records and replays."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

__all__ = ["software_versions"]

_PACKAGES = (
    "astro-metadata-translator",
    "astropy",
    "calprod",
    "lsst-daf-butler",
    "lsst-images",
    "lsst-pipe-base",
    "numba",
    "numpy",
    "prefect",
)


@cache
def software_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that can change a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
