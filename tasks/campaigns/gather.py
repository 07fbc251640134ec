"""Bringing together what the Butler, the ledger and the profile say about a day."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from lsst.daf.butler import Butler

from infra.butler.exposures import ExposureRow, exposure_rows, observing_days
from infra.errors import UsageError
from infra.instruments import camera
from infra.ledger import Observation
from infra.raws.quick_statistics import QuickStatistics
from infra.settings import CalibrationSettings
from infra.workspace import Workspace
from tasks.selection.detectors import merge_detectors
from tasks.selection.explicit import Overrides
from tasks.selection.model import ExposureRecord, Plan, StateValue
from tasks.selection.plan import make_plan
from tasks.selection.states import merge_states, usual_states

__all__ = ["bands_of_day", "day_records", "plan_day", "record_of", "wanted_calibrations"]


def plan_day(
    workspace: Workspace,
    butler: Butler,
    day_obs: int,
    *,
    calibrations: tuple[str, ...] = (),
    overrides: Overrides | None = None,
) -> Plan:
    """Plan a day of the repository by the rules of its profile.

    Parameters
    ----------
    workspace
        Profile and ledger.
    butler
        The repository.
    day_obs
        Observing day.
    calibrations
        Only these, such as ``bias`` or ``flat-r``; all when empty.
    overrides
        Exposures named by a person.

    Raises
    ------
    UsageError
        The day has no exposure, or a calibration is unknown.
    """
    instrument = workspace.instrument
    rules = wanted_calibrations(workspace, calibrations)
    day = day_records(workspace, butler, [day_obs])
    reach = max(rule.selection.verification.other_days for rule in rules)
    others = [other for other in observing_days(butler, instrument) if other != day_obs]
    nearest = sorted(others, key=lambda other: (abs(_day_number(other) - _day_number(day_obs)), other))
    plan = make_plan(
        day,
        day_records(workspace, butler, nearest[:reach]),
        rules,
        instrument=instrument,
        state_keys=workspace.profile.camera_state_keys,
        exclusions=workspace.ledger.exclusions(instrument),
        refusals=workspace.ledger.refusals(),
        bands=bands_of_day(instrument, day),
        overrides=overrides,
    )
    return _only(plan, calibrations)


def bands_of_day(instrument: str, day: Iterable[ExposureRecord]) -> dict[str, str | None]:
    """Return the band of every filter that a day's exposures were taken through."""
    used = {record.physical_filter for record in day}
    return {one.name: one.band for one in camera(instrument).filters if one.name in used}


def wanted_calibrations(workspace: Workspace, names: tuple[str, ...]) -> tuple[CalibrationSettings, ...]:
    """Return the settings of the calibrations asked for, in the order to make them.

    Raises
    ------
    UsageError
        The profile does not make one of them.
    """
    ordered = workspace.profile.ordered()
    known = {settings.name for settings in ordered}
    for name in names:
        if name.partition("-")[0] not in known:
            raise UsageError(
                f"the profile does not make '{name}'",
                f"it makes {', '.join(settings.name for settings in ordered)}",
            )
    asked = {name.partition("-")[0] for name in names} or known
    for settings in reversed(ordered):  # a bootstrap calibration is made anew for whatever is made from it
        if settings.name in asked:
            asked |= {one.name for one in ordered if one.name in settings.after and not one.is_certified}
    return tuple(settings for settings in ordered if settings.name in asked)


def day_records(workspace: Workspace, butler: Butler, days: Iterable[int]) -> list[ExposureRecord]:
    """Return the exposures of days with their camera state and what the quick look at their pixels gave."""
    wanted = list(days)
    rows = exposure_rows(butler, workspace.instrument, wanted)
    names = {one.id: one.full_name for one in camera(workspace.instrument).detectors}
    seen: dict[int, dict[int, Observation]] = {}
    for day_obs in wanted:
        for one in workspace.ledger.observations(workspace.instrument, day_obs=day_obs):
            seen.setdefault(one.exposure, {})[one.detector] = one
    usual = usual_states({number: one.header_values for number, one in its.items()} for its in seen.values())
    return [record_of(row, seen.get(row.exposure, {}), names, usual) for row in rows]


def record_of(
    row: ExposureRow,
    observations: Mapping[int, Observation],
    names: Mapping[int, str],
    usual: Mapping[int, Mapping[str, StateValue]] = MappingProxyType({}),
) -> ExposureRecord:
    """Return what selection works on: the Butler's record of an exposure, and what ingest saw of it.

    Parameters
    ----------
    row
        The exposure.
    observations
        What ingest saw, by detector number.
    names
        Full name of each detector.
    usual
        What each detector usually says of the camera's state.
    """
    looks = {
        names.get(number, str(number)): QuickStatistics.from_json(one.statistics)
        for number, one in observations.items()
        if one.statistics
    }
    state = merge_states({number: one.header_values for number, one in observations.items()}, usual)
    return ExposureRecord(
        exposure=row.exposure,
        day_obs=row.day_obs,
        seq_num=row.seq_num,
        observation_type=row.observation_type,
        observation_reason=row.observation_reason,
        physical_filter=row.physical_filter,
        exposure_time=row.exposure_time,
        dark_time=row.dark_time,
        begin_tai=row.begin_mjd,
        end_tai=row.end_mjd,
        group=row.group,
        science_program=row.science_program,
        target=row.target,
        has_simulated=row.has_simulated,
        obs_id=row.obs_id,
        state=MappingProxyType(state),
        statistics=merge_detectors(looks),
        ra=row.ra,
        dec=row.dec,
    )


def _only(plan: Plan, wanted: tuple[str, ...]) -> Plan:
    """Keep the rows of the calibrations asked for, where one filter of several was named."""
    if not any("-" in name for name in wanted):
        return plan
    asked = {name.partition("-")[0] for name in wanted}
    keep = {
        row.calibration
        for row in plan.exposures
        if row.calibration is not None
        and (
            row.calibration.calibration not in asked  # what those asked for are made from
            or any(row.calibration.matches(name) for name in wanted)
        )
    }
    if not keep:
        raise UsageError(
            f"{plan.day_obs} holds nothing for {', '.join(wanted)}",
            f"see: calprod plan REPO --day-obs {plan.day_obs}",
        )
    return Plan(
        instrument=plan.instrument,
        day_obs=plan.day_obs,
        sets=plan.sets,
        exposures=tuple(row for row in plan.exposures if row.calibration in keep),
        shortages=tuple(one for one in plan.shortages if one.calibration in keep),
        warnings=plan.warnings,
    )


def _day_number(day_obs: int) -> int:
    from datetime import date

    return date(day_obs // 10000, day_obs // 100 % 100, day_obs % 100).toordinal()
