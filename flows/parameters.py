"""What flows are given; the same models make the forms of Prefect's pages and the options of commands."""

import getpass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NightlyParameters", "ProduceParameters", "ReleaseParameters", "current_user"]

# A plain alias, so that forms show its pattern where the field stands.
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]


def current_user() -> str:
    """Name of the account that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for the account
        return "unknown"


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: Annotated[Path, Field(description="Root of the Butler repository")]
    profile: Annotated[Path | None, Field(description="Profile other than the repository's own")] = None


class NightlyParameters(_Parameters):
    """Look for calibration days that are not done, and produce each."""

    producer: Annotated[str, Field(description="Who asked for it")] = Field(default_factory=current_user)


class ProduceParameters(_Parameters):
    """Select, generate and verify the calibrations of one day, up to the gate."""

    day_obs: Annotated[int, Field(description="Observing day, such as 20240318", ge=19700101, le=99991231)]
    calibrations: Annotated[
        tuple[str, ...],
        Field(description="Only these, such as bias or flat-r; all of the profile by default"),
    ] = ()
    exposures: Annotated[tuple[int, ...], Field(description="Only these exposures")] = ()
    ticket: Annotated[_Word | None, Field(description="Ticket in the names of collections")] = None
    tag: Annotated[_Word | None, Field(description="Short word in the names of collections")] = None
    override_reason: Annotated[
        str | None, Field(description="Why exposures that the rules forbid are used all the same")
    ] = None
    new: Annotated[bool, Field(description="Open another campaign though one of the day is unfinished")] = (
        False
    )
    producer: Annotated[str, Field(description="Who asked for it")] = Field(default_factory=current_user)


class ReleaseParameters(_Parameters):
    """Wait for the decision on a campaign, then certify, chain, export and sync what was approved."""

    campaign: Annotated[str, Field(description="Campaign, such as LATISS/DM-43525/lowerSetTemp/20240326a")]
