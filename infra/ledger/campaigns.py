"""Campaigns: how they are numbered, opened, resumed and found, and where their calibrations stand."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from infra.errors import LedgerError, UsageError
from infra.ledger.entry_log import EntryLog, read_entries, record_in
from infra.ledger.model import Campaign, Entry, Step
from infra.ledger.states import FINISHED, CalibrationState, CalibrationStatus, statuses

__all__ = ["CampaignLog", "next_rerun", "statuses_in"]

_RERUN = re.compile(r"(?P<day>\d{8})(?P<letters>[a-z]+)")


class CampaignLog(EntryLog):
    """What the ledger knows of campaigns; all of it is derived from entries."""

    def open_campaign(
        self,
        instrument: str,
        ticket: str,
        tag: str,
        day_obs: int,
        who: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        resume: bool = True,
    ) -> Campaign:
        """Open a campaign for an observing day, or go on with the one that is not finished.

        Parameters
        ----------
        instrument, ticket, tag
            Words of its name.
        day_obs
            Observing day, YYYYMMDD.
        who
            Producer.
        parameters
            What it is opened with, for the record.
        resume
            Whether an unfinished campaign of the same day, ticket and tag is gone on with; otherwise the next
            letter is taken.

        Returns
        -------
        Campaign
            The campaign, new or resumed. Two processes that ask at once are given the same one.
        """
        with self._database.writing() as connection:
            same = [
                campaign
                for campaign in _campaigns(connection)
                if (campaign.instrument, campaign.ticket, campaign.tag) == (instrument, ticket, tag)
            ]
            of_day = [campaign for campaign in same if campaign.day_obs == day_obs]
            if resume:
                for campaign in reversed(of_day):
                    if not _is_finished(connection, campaign.name):
                        return campaign
            rerun = next_rerun(day_obs, (campaign.rerun for campaign in same))
            name = f"{instrument}/{ticket}/{tag}/{rerun}"
            words = {"instrument": instrument, "ticket": ticket, "tag": tag, "rerun": rerun}
            opened = {**words, "day_obs": day_obs, "given": dict(parameters or {})}
            step = Step(step="campaign", status="started", who=who, campaign=name, parameters=opened)
            return _campaign(record_in(connection, step))

    def close_campaign(self, name: str, who: str, outcome: str) -> Entry:
        """Note that a campaign will not be gone on with, so that the day's next run opens another."""
        campaign = self.campaign(name)
        return self.record(
            Step(step="campaign", status="done", who=who, campaign=campaign.name, outcome=outcome)
        )

    def campaigns(self, instrument: str | None = None, day_obs: int | None = None) -> tuple[Campaign, ...]:
        """Return the campaigns in the order they were opened, of one instrument or day if given."""
        with self._database.reading() as connection:
            found = _campaigns(connection)
        return tuple(
            campaign
            for campaign in found
            if instrument in (None, campaign.instrument) and day_obs in (None, campaign.day_obs)
        )

    def campaign(self, name: str) -> Campaign:
        """Find a campaign by its name or by the end of it, such as its rerun.

        Raises
        ------
        UsageError
            If there is none, or more than one.
        """
        found = self.campaigns()
        exact = [campaign for campaign in found if campaign.name == name]
        ends = exact or [campaign for campaign in found if campaign.name.endswith(f"/{name}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            names = ", ".join(campaign.name for campaign in ends)
            raise UsageError(f"'{name}' could be any of {names}", "give more of the name")
        recent = ", ".join(campaign.name for campaign in found[-5:])
        hint = (
            f"the latest are {recent}" if recent else "none has been opened yet; make one with: calprod run"
        )
        raise UsageError(f"there is no campaign '{name}'", hint)

    def states(self, campaign: str) -> dict[str, CalibrationState]:
        """Return the state of each calibration of a campaign, by calibration key."""
        return {key: status.state for key, status in self.statuses(campaign).items()}

    def statuses(self, campaign: str) -> dict[str, CalibrationStatus]:
        """Return the state of each calibration with the entry that led to it and the sites reached."""
        with self._database.reading() as connection:
            return statuses_in(connection, campaign)

    def is_finished(self, campaign: str) -> bool:
        """Tell whether all of a campaign is released, rejected or withdrawn, or it was closed."""
        with self._database.reading() as connection:
            return _is_finished(connection, campaign)


def next_rerun(day: int, taken: Iterable[str]) -> str:
    """Return the next name of a run of a day: ``20240318a``, then ``b`` to ``z``, ``aa``, ``ab`` and so on.

    Parameters
    ----------
    day
        YYYYMMDD.
    taken
        Names in use, of this or other days.

    Notes
    -----
    Letters are never used again, even if one between was skipped: a name that was once seen by people means
    one thing (DMTN-222).
    """
    used = [
        match["letters"] for name in taken if (match := _RERUN.fullmatch(name)) and match["day"] == str(day)
    ]
    return f"{day}{_letters(max((_number(letters) for letters in used), default=0) + 1)}"


def statuses_in(connection: Connection, campaign: str) -> dict[str, CalibrationStatus]:
    """Derive the states of a campaign inside a transaction that is already open."""
    return statuses(read_entries(connection, campaign=campaign))


def _number(letters: str) -> int:
    """Count a, b, … z, aa, … from 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _campaigns(connection: Connection) -> list[Campaign]:
    return [
        _campaign(entry) for entry in read_entries(connection, step="campaign") if entry.status == "started"
    ]


def _campaign(entry: Entry) -> Campaign:
    words = entry.parameters
    if entry.campaign is None:
        raise LedgerError(f"entry {entry.sequence} opens a campaign without a name", "calprod doctor")
    return Campaign(
        name=entry.campaign,
        instrument=words["instrument"],
        ticket=words["ticket"],
        tag=words["tag"],
        rerun=words["rerun"],
        day_obs=words["day_obs"],
        who=entry.who,
        opened=entry.when_utc,
        parameters=words["given"],
    )


def _is_finished(connection: Connection, campaign: str) -> bool:
    entries = read_entries(connection, campaign=campaign)
    if any(entry.step == "campaign" and entry.status == "done" for entry in entries):
        return True
    found = statuses(entries)
    return bool(found) and all(status.state in FINISHED for status in found.values())
