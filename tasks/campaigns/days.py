"""The calibration days of a repository, and what campaigns have made of them."""

from itertools import groupby

from lsst.daf.butler import Butler

from infra.butler.exposures import exposure_rows, observing_days
from infra.ledger import CalibrationState
from infra.ledger.clock import now
from infra.workspace import Workspace
from tasks.campaigns.gather import bands_of_day, record_of
from tasks.campaigns.model import CampaignRecord
from tasks.selection.days import CalibrationDay, calibration_days

__all__ = ["days_of_repository"]

# Until people have been asked, a day is not done: a run that was killed before must be gone on with.
_UNMADE = (
    CalibrationState.PLANNED,
    CalibrationState.GENERATING,
    CalibrationState.CANDIDATE,
    CalibrationState.VERIFIED,
    CalibrationState.FAILED_VERIFICATION,
    CalibrationState.WITHDRAWN,
)
_UNIX_EPOCH_MJD = 40587.0
_TAI_MINUS_UTC = 37.0  # seconds, since 2017


def days_of_repository(workspace: Workspace, butler: Butler) -> list[CalibrationDay]:
    """Return the days that hold calibration exposures, in order of time."""
    instrument = workspace.instrument
    rows = exposure_rows(butler, instrument, observing_days(butler, instrument))
    now_tai = _UNIX_EPOCH_MJD + (now().timestamp() + _TAI_MINUS_UTC) / 86400.0
    made = _made(workspace)
    found: list[CalibrationDay] = []
    for _, of_day in groupby(rows, key=lambda row: row.day_obs):
        records = [record_of(row, {}, {}) for row in of_day]
        # The short names of filters are those of the day, as in the plan.
        bands = bands_of_day(instrument, records)
        found += calibration_days(records, made, workspace.profile.calibrations, now_tai=now_tai, bands=bands)
    return found


def _made(workspace: Workspace) -> set[tuple[int, str]]:
    """Return what campaigns have made, whatever became of it: (day_obs, calibration key)."""
    made: set[tuple[int, str]] = set()
    for opened in workspace.ledger.campaigns(workspace.instrument):
        campaign = CampaignRecord.from_ledger(opened)
        states = workspace.ledger.states(opened.name)
        made.update((campaign.day_obs, key) for key, state in states.items() if state not in _UNMADE)
    return made
