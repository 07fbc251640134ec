"""Names: calibration keys, campaigns and Butler collections.

The patterns are those of DMTN-222, so that Rubin staff find what they expect; every name calprod
writes or reads is made here.
"""

import re
from dataclasses import dataclass
from datetime import datetime

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_GENERATION_NAMES = {"defects": "defect"}
"""Dataset types whose generation runs are named otherwise: ``defectGen`` (DMTN-222)."""


@dataclass(frozen=True, slots=True, order=True)
class CalibrationKey:
    """One calibration of a campaign: a dataset type, and for flats the filter."""

    calibration: str
    """Dataset type: ``bias``, ``dark``, ``flat``."""
    physical_filter: str | None = None
    """Physical filter, such as ``SDSSr_65mm~empty``; None where the calibration has no filter."""
    label: str | None = None
    """Short name of the filter in collection names: its band where that is unique, such as ``r``."""

    def __str__(self) -> str:
        if self.physical_filter is None:
            return self.calibration
        return f"{self.calibration}-{self.label or safe_label(self.physical_filter)}"

    def matches(self, wanted: str) -> bool:
        """Tell whether ``wanted`` names this key: ``flat`` and ``flat-r`` both name the r flat."""
        return wanted in (self.calibration, str(self), f"{self.calibration}-{self.physical_filter}")


def safe_label(physical_filter: str) -> str:
    """Return ``physical_filter`` with every character a collection name may not hold replaced by ``_``."""
    return _UNSAFE.sub("_", physical_filter).strip("_")


def filter_label(physical_filter: str, bands: dict[str, str | None]) -> str:
    """Return the short name of a filter: its band where no other filter at hand has that band.

    Parameters
    ----------
    physical_filter
        The filter, such as ``SDSSr_65mm~empty``.
    bands
        Band of every physical filter at hand, such as those of the day. A LATISS filter crossed with a
        grating (``SDSSr_65mm~ronchi90lpmm``) never takes the band's name from the filter alone.
    """
    band = bands.get(physical_filter)
    if not band or band == "unknown" or _is_dispersed(physical_filter):
        return safe_label(physical_filter)
    rivals = [name for name, other in bands.items() if other == band and not _is_dispersed(name)]
    return band if rivals == [physical_filter] else safe_label(physical_filter)


def _is_dispersed(physical_filter: str) -> bool:
    return "~" in physical_filter and not physical_filter.endswith("~empty")


def _capitalised(key: CalibrationKey) -> str:
    name = str(key)
    return name[0].upper() + name[1:]


@dataclass(frozen=True, slots=True)
class CampaignName:
    """Instrument, ticket, tag and rerun, such as LATISS / DM-43525 / lowerSetTemp / 20240326a."""

    instrument: str
    ticket: str
    tag: str
    rerun: str

    def __str__(self) -> str:
        return f"{self.instrument}/{self.ticket}/{self.tag}/{self.rerun}"

    @property
    def _root(self) -> str:
        return f"{self.instrument}/calib/{self.ticket}/{self.tag}"

    def generation(self, key: CalibrationKey) -> str:
        """Chain of generation runs: ``LATISS/calib/DM-43525/lowerSetTemp/biasGen.20240326a``."""
        name, _, label = str(key).partition("-")
        name = _GENERATION_NAMES.get(name, name)
        return f"{self._root}/{name}Gen{'-' + label if label else ''}.{self.rerun}"

    def verification(self, key: CalibrationKey) -> str:
        """Chain of verification runs: ``…/verifyBias.20240326a``, ``…/verifyFlat-r.20240326a``."""
        return f"{self._root}/verify{_capitalised(key)}.{self.rerun}"

    def certified(self, key: CalibrationKey, cert_rerun: str) -> str:
        """CALIBRATION collection: ``…/bias.20240405a``, ``…/flat-r.20240405a``."""
        return f"{self._root}/{key}.{cert_rerun}"

    @property
    def ticket_chain(self) -> str:
        """Chain of all certified collections of the ticket: ``LATISS/calib/DM-43525``."""
        return ticket_chain(self.instrument, self.ticket)


def default_chain(instrument: str) -> str:
    """Return the chain every user of calibrations reads: ``LATISS/calib``."""
    return f"{instrument}/calib"


def ticket_chain(instrument: str, ticket: str) -> str:
    """Return the chain of all certified collections of a ticket: ``LATISS/calib/DM-43525``."""
    return f"{instrument}/calib/{ticket}"


def curated_collection(instrument: str, ticket: str, day: int) -> str:
    """Return the CALIBRATION collection of what was curated: ``LATISS/calib/DM-43525/curated/20240318``."""
    return f"{ticket_chain(instrument, ticket)}/curated/{day}"


def curated_run(collection: str, dataset_type: str) -> str:
    """Return the RUN of the datasets of a curated collection: ``…/curated/20240318/crosstalk``."""
    return f"{collection}/{dataset_type}"


def raw_collection(instrument: str) -> str:
    """Return the RUN that raws are ingested into: ``LATISS/raw/all``."""
    return f"{instrument}/raw/all"


def run_timestamp(when: datetime) -> str:
    """Return the last part of a RUN's name, from a UTC time: ``20240327T163518Z``."""
    return when.strftime("%Y%m%dT%H%M%SZ")
