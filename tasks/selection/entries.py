"""What selection reads of the ledger: exclusions that people made, and raws that ingest refused."""

from pathlib import PurePath
from typing import Protocol

__all__ = ["ExcludedExposure", "RefusedFile"]


class ExcludedExposure(Protocol):
    """An exclusion of the ledger."""

    @property
    def exposure(self) -> int | None:
        """Exposure ID; None for every exposure."""

    @property
    def detector(self) -> int | None:
        """Detector number; None for all."""

    @property
    def amplifier(self) -> str | None:
        """Amplifier name; None for all."""

    @property
    def calibration(self) -> str | None:
        """Dataset type it matters for; None for all."""

    @property
    def reason(self) -> str:
        """Why it must not be used."""

    @property
    def author(self) -> str:
        """Who says so."""


class RefusedFile(Protocol):
    """A raw file that ingest refused."""

    @property
    def path(self) -> str | PurePath:
        """Where it is."""

    @property
    def reason(self) -> str:
        """Why it was refused."""

    @property
    def exposure(self) -> int | None:
        """Exposure ID; None when the file is too damaged to tell."""

    @property
    def day_obs(self) -> int | None:
        """Observing day; None when the file is too damaged to tell."""
