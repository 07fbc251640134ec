"""Profiles: how one instrument's calibrations are made, judged, approved and delivered."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.settings.base import Name, SettingsModel, wrong_at
from infra.settings.gate import GateSettings
from infra.settings.secrets import Address
from infra.settings.selection import SelectionSettings

__all__ = [
    "CalibrationSettings",
    "CampaignSettings",
    "CertificationSettings",
    "ExecutorSettings",
    "ExportSettings",
    "Profile",
    "RemoteSettings",
]


def _mode_bits(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3,4}", value):
        raise ValueError('expected permission bits as quoted octal digits, such as "0640"')
    return value


type ModeBits = Annotated[str, BeforeValidator(_mode_bits)]
"""Permission bits as octal digits; text, because YAML reads a bare 0640 as the number 416."""


class CalibrationSettings(SettingsModel):
    """One calibration that the instrument's campaigns make."""

    name: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]*$")]
    """Dataset type, such as ``bias``."""
    observation_type: str | None = None
    """Observation type of its raws, such as ``bias`` or ``flat``; None for one made from others."""
    per_filter: bool = False
    """Whether there is one for each physical filter."""
    pipeline: str
    """Pipeline that makes it: a name among those shipped, or a path to a YAML file."""
    verification_pipeline: str | None = None
    """Pipeline that measures it: a name among those shipped, or a path to a YAML file; None for a bootstrap
    calibration, which serves others of its campaign and is never certified."""
    after: tuple[str, ...] = ()
    """Calibrations of this profile that must be made in the campaign, or found certified, before."""
    uses: tuple[str, ...] = ()
    """Calibrations, of this profile or others, that are applied where the campaign has made one before it, in
    the order of the file, or one is certified; left out where there is none."""
    selection: SelectionSettings = SelectionSettings()
    """How its exposures are chosen."""

    @property
    def is_certified(self) -> bool:
        """Whether it goes through the gate; a bootstrap calibration stays in the RUN it was made in."""
        return self.verification_pipeline is not None

    @property
    def priors(self) -> tuple[str, ...]:
        """Every calibration it may be made with, the required ones first."""
        return tuple(dict.fromkeys((*self.after, *self.uses)))

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if self.observation_type is None and not self.after:
            raise ValueError("expected observation_type, or in 'after' the calibrations it is made from")
        if self.observation_type is None and self.per_filter:
            raise ValueError("expected per_filter: false, without raws of its own it has no filter")
        if twice := set(self.after) & set(self.uses):
            names = ", ".join(sorted(twice))
            raise ValueError(f"expected {names} in 'after' or in 'uses', not in both")
        return self


class CampaignSettings(SettingsModel):
    """Words in the names of the campaigns' collections."""

    ticket: Name = "calprod"
    """Ticket of the construction, such as ``DM-43525``."""
    tag: Name = "nightly"
    """Short human word, such as ``lowerSetTemp``."""


class ExecutorSettings(SettingsModel):
    """What runs the quanta."""

    kind: Literal["in-process"] = "in-process"
    """``in-process``: one quantum at a time in long-lived processes of this machine."""
    processes: Annotated[int, Field(ge=1)] | None = None
    """How many processes; by default one per core, and no more than there are detectors."""


class ExportSettings(SettingsModel):
    """Where bundles go."""

    destination: Address | None = None
    """Folder, or ``s3://bucket/prefix``; by default ``calprod/bundles`` in the repository."""


class RemoteSettings(SettingsModel):
    """One other site that must resolve the same calibrations."""

    name: Name
    """Name of the site, such as ``summit``."""
    kind: Literal["butler"] = "butler"
    """``butler``: a repository this machine can reach directly."""
    address: Address
    """Path or URI of the repository."""
    file_mode: ModeBits = "0640"
    """Permission bits of delivered files."""
    directory_mode: ModeBits = "0750"
    """Permission bits of the folders made for them."""
    group: str | None = None
    """Group that owns the files; by default that of the process."""

    @property
    def file_mode_bits(self) -> int:
        """Permission bits of files, as the number ``os.chmod`` takes."""
        return int(self.file_mode, 8)

    @property
    def directory_mode_bits(self) -> int:
        """Permission bits of folders, as the number ``os.chmod`` takes."""
        return int(self.directory_mode, 8)


class CertificationSettings(SettingsModel):
    """What the gate stands before."""

    mode: Literal["gated", "staged"] = "gated"
    """``gated``: nothing is certified before approval. ``staged``: candidates are certified into the ticket's
    own collections first (DMTN-222); the default chain waits for approval in both."""


class Profile(SettingsModel):
    """How one instrument's calibrations are made, judged, approved and delivered."""

    instrument: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_\-]*$")]
    """Name of the instrument in the Butler, such as ``LATISS``."""
    repository: Address | None = None
    """Repository that commands use when none is given."""
    policy: str
    """Verification policy: a name among those shipped, or a path beside this file."""
    dependencies: str = "modern"
    """What rests on what: a graph among those shipped, or a path beside this file."""
    camera_state_keys: tuple[str, ...]
    """Header cards that must be equal in all exposures of a set; a missing one is said, never skipped."""
    campaign: CampaignSettings = CampaignSettings()
    """Words in the names of collections."""
    calibrations: Annotated[tuple[CalibrationSettings, ...], Field(min_length=1)]
    """What to make."""
    executor: ExecutorSettings = ExecutorSettings()
    """What runs the quanta."""
    gate: GateSettings = GateSettings()
    """Who approves."""
    certification: CertificationSettings = CertificationSettings()
    """What the gate stands before."""
    export: ExportSettings = ExportSettings()
    """Where bundles go."""
    remotes: tuple[RemoteSettings, ...] = ()
    """Sites to deliver to."""
    ledger: Address | None = None
    """Database of the ledger; by default a SQLite file in the repository."""
    notifications: tuple[Address, ...] = ()
    """Addresses that are told what happened."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        names = [calibration.name for calibration in self.calibrations]
        _refuse_doubles(names, "calibrations")
        _refuse_doubles([remote.name for remote in self.remotes], "remotes")
        for position, calibration in enumerate(self.calibrations):
            for place, other in enumerate(calibration.after):
                if other not in names:
                    known = ", ".join(names)
                    raise wrong_at(
                        ("calibrations", position, "after", place),
                        f"expected the name of a calibration of this profile ({known}), not '{other}'",
                    )
        self.ordered()
        return self

    def calibration(self, name: str) -> CalibrationSettings | None:
        """Return the settings of a calibration, or None if the profile does not make it."""
        return next((entry for entry in self.calibrations if entry.name == name), None)

    def ordered(self) -> tuple[CalibrationSettings, ...]:
        """Return the calibrations so that each comes after those it needs, else in the order of the file."""
        needs = {entry.name: set(entry.after) for entry in self.calibrations}
        done: list[CalibrationSettings] = []
        while len(done) < len(self.calibrations):
            made = {entry.name for entry in done}
            ready = [e for e in self.calibrations if e.name not in made and needs[e.name] <= made]
            if not ready:
                circle = _circle(needs, made)
                position = [entry.name for entry in self.calibrations].index(circle[0])
                raise wrong_at(
                    ("calibrations", position, "after"), f"expected no circle, found {' after '.join(circle)}"
                )
            done.append(ready[0])
        return tuple(done)

    def remote(self, name: str) -> RemoteSettings | None:
        """Return the settings of a site, or None if the profile does not know it."""
        return next((entry for entry in self.remotes if entry.name == name), None)


def _refuse_doubles(names: list[str], section: str) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise wrong_at((section, position, "name"), f"expected each name once, '{name}' stands above")


def _circle(needs: Mapping[str, set[str]], made: set[str]) -> list[str]:
    """Walk from a calibration that can never be made to the one met twice."""
    path = [next(name for name in needs if name not in made)]
    while path.count(path[-1]) == 1:
        path.append(next(name for name in sorted(needs[path[-1]]) if name not in made))
    return path[path.index(path[-1]) :]
