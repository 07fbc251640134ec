"""What an observation is, told by its header: the translator chosen, nonsense refused."""

from collections.abc import Mapping
from typing import Any

from astro_metadata_translator import ObservationInfo

from infra.errors import RawRejected
from infra.instruments.identify import instrument_of
from infra.instruments.translators.latiss import LatissTranslator
from infra.instruments.translators.rubin import RubinTranslator
from infra.instruments.translators.simonyi import LsstCamTranslator, LsstComCamTranslator

__all__ = ["EXPOSURE_PROPERTIES", "check_widths", "observation_info"]

_TRANSLATORS: dict[str, type[RubinTranslator]] = {
    "LATISS": LatissTranslator,
    "LSSTComCam": LsstComCamTranslator,
    "LSSTCam": LsstCamTranslator,
}

_REQUIRED = {
    *("instrument", "telescope", "exposure_id", "observation_id", "observing_day", "observation_counter"),
    *("observation_type", "observation_reason", "science_program", "object", "physical_filter"),
    *("datetime_begin", "datetime_end", "exposure_time", "exposure_time_requested", "dark_time"),
    *("exposure_group", "group_counter_start", "group_counter_end", "visit_id", "has_simulated_content"),
    *("detector_num", "detector_name", "detector_group", "detector_unique_name", "detector_serial"),
}

EXPOSURE_PROPERTIES = frozenset(
    _REQUIRED
    | {"tracking_radec", "boresight_rotation_angle", "boresight_rotation_coord", "altaz_begin", "can_see_sky"}
    | {"observing_day_offset"}
)
"""Properties that the Butler's exposure record is made of."""

# Columns of the exposure and group records, as wide as the Butler makes them.
_WIDTHS = {"observation_type": 16, "exposure_group": 64, "observation_id": 64, "physical_filter": 32}


def observation_info(
    header: Mapping[str, Any], filename: str | None = None, *, properties: frozenset[str] | None = None
) -> ObservationInfo:
    """Return what a raw's primary header says of its observation.

    Parameters
    ----------
    header
        Primary header, with the conditions over it; it stays as it is.
    filename
        Named in messages.
    properties
        Properties to translate besides those without which there is no exposure; all of them when None.

    Raises
    ------
    infra.errors.RawRejected
        If the header is of no known camera, or a card that is needed is missing or holds nonsense; the
        message names the card.
    """
    prefix = f"{filename}: " if filename else ""
    try:
        translator = _TRANSLATORS[instrument_of(header)]
        # ObservationInfo only logs what fails in the repair of a header, and goes on: hence once without it.
        translator.fix_header(dict(header), "", translator(header).to_observation_id())
        info = ObservationInfo(
            dict(header),
            filename=filename,
            translator_class=translator,
            required=_REQUIRED,
            subset=None if properties is None else _REQUIRED | properties,
            quiet=True,
        )
        check_widths(info)
    except RawRejected as error:
        raise RawRejected(f"{prefix}{error}") from error
    except (KeyError, TypeError, ValueError) as error:
        cause = error.__cause__
        reason = cause if isinstance(cause, RawRejected) else f"its header makes no sense: {error}"
        raise RawRejected(f"{prefix}{reason}") from error
    return info


def check_widths(info: ObservationInfo) -> None:
    """Check that the names of an exposure fit the Butler's columns.

    Raises
    ------
    infra.errors.RawRejected
        Naming the property that is too long.
    """
    for name, width in _WIDTHS.items():
        value = getattr(info, name)
        if len(value) > width:
            raise RawRejected(f"the {name} {value!r} is longer than {width} characters")
