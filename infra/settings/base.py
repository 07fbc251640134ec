"""What every settings model shares: frozen, no unknown keys, docstrings as descriptions."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = ["DayObs", "Name", "SettingsModel", "wrong_at"]


class SettingsModel(BaseModel):
    """A part of a settings file; immutable once read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
    )


def wrong_at(location: Sequence[str | int], message: str) -> PydanticCustomError:
    """Make the error of a value that is wrong only in the light of others, such as a reference to nothing.

    Parameters
    ----------
    location
        Keys and list positions from the top of the file to the wrong value.
    message
        What was expected.

    Returns
    -------
    pydantic_core.PydanticCustomError
        To be raised by a validator; the loader finds the line by its location.
    """
    return PydanticCustomError(
        "wrong_reference", "{message}", {"message": message, "location": tuple(location)}
    )


def _day_obs(value: int) -> int:
    month, day = value // 100 % 100, value % 100
    if not (19700101 <= value <= 99991231 and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError("expected a day_obs, YYYYMMDD such as 20240318")
    return value


type DayObs = Annotated[int, AfterValidator(_day_obs)]
"""An observing day as an integer, YYYYMMDD."""

type Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
"""A word that may stand in a collection name."""
