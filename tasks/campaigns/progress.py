"""What is left to do of a campaign, by where its calibrations stand."""

from dataclasses import dataclass

from infra.ledger import CalibrationState
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord

__all__ = ["Work", "work_left"]

_TO_GENERATE = (CalibrationState.PLANNED, CalibrationState.GENERATING)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done for one calibration."""

    key: str
    generate: bool
    verify: bool
    needs: tuple[str, ...]
    """Keys of calibrations of the same campaign that must be made before."""


def work_left(
    workspace: Workspace, campaign: CampaignRecord, wanted: tuple[str, ...] = ()
) -> tuple[Work, ...]:
    """Return what a campaign still has to make and verify, in order; nothing of what people already judge.

    Parameters
    ----------
    workspace
        Profile and ledger.
    campaign
        The campaign.
    wanted
        Only these, such as ``dark`` or ``flat-r``, and what they need; all when empty.
    """
    states = workspace.ledger.states(str(campaign.name))
    work = []
    for planned in campaign.calibrations:
        state = states.get(str(planned.key), CalibrationState.PLANNED)
        settings = workspace.profile.calibration(planned.key.calibration)
        priors = settings.priors if settings else ()
        needs = tuple(str(one.key) for one in campaign.before(planned) if one.key.calibration in priors)
        generate = state in _TO_GENERATE
        judged = settings is None or settings.is_certified
        verify = judged and (generate or state is CalibrationState.CANDIDATE)
        if generate or verify:
            work.append(Work(str(planned.key), generate, verify, needs))
    asked = {str(planned.key) for planned in campaign.select(wanted)}
    for item in reversed(work):  # those that are needed stand before those that need them
        if item.key in asked:
            asked.update(item.needs)
    return tuple(item for item in work if item.key in asked)
