"""Which calibrations another one is made with: found and pinned when the work is planned."""

from collections.abc import Iterable
from dataclasses import dataclass

from lsst.daf.butler import Butler, MissingDatasetTypeError

from infra.butler.priors import certified_prior
from infra.errors import RepositoryError, UsageError
from infra.ledger import CalibrationState
from infra.naming import default_chain, raw_collection
from infra.settings import CalibrationSettings
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord, PlannedCalibration

__all__ = [
    "Prior",
    "detectors_of",
    "pinned_priors",
    "prior_calibrations",
    "raws_of",
    "runs_in_use",
    "settings_of",
]


@dataclass(frozen=True, slots=True)
class Prior:
    """A calibration that another one is made with, pinned when the work was planned."""

    calibration: str
    """Dataset type."""
    run: str
    """RUN that holds it."""
    uuids: tuple[str, ...]
    """The datasets; empty for one that the campaign itself makes."""


def settings_of(workspace: Workspace, planned: PlannedCalibration) -> CalibrationSettings:
    """Return what the profile says of a calibration.

    Raises
    ------
    UsageError
        It says nothing.
    """
    settings = workspace.profile.calibration(planned.key.calibration)
    if settings is None:
        raise UsageError(
            f"the profile does not make '{planned.key.calibration}'", f"add it to {workspace.profile_path}"
        )
    return settings


def prior_calibrations(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration
) -> tuple[Prior, ...]:
    """Find every calibration that ``planned`` is made with: from this campaign, else the certified one.

    Of this campaign, those that are made before it. One that the profile lists in ``uses`` and that is
    neither made nor certified is left out; one in ``after`` must be there.

    Raises
    ------
    RepositoryError
        One is missing, or the exposures straddle two validity ranges.
    """
    settings = settings_of(workspace, planned)
    states = workspace.ledger.states(str(campaign.name))
    priors: list[Prior] = []
    for name in settings.priors:
        own = [one for one in campaign.before(planned) if one.key.calibration == name and one.serves(planned)]
        for one in own:
            if states.get(str(one.key)) is CalibrationState.REJECTED:
                raise RepositoryError(
                    f"{planned.key} of {campaign.name} needs its {one.key}, which was rejected",
                    "make both anew with: calprod run --new",
                )
            priors.append(Prior(name, campaign.generation_run(one.key), ()))
        if not own:
            required = name in settings.after
            priors.extend(_certified(butler, name, campaign, planned, required=required))
    return tuple(priors)


def pinned_priors(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration
) -> tuple[Prior, ...]:
    """Return the calibrations that ``planned`` was made with, whatever has been certified since."""
    entries = workspace.ledger.entries(
        campaign=str(campaign.name), step="generate", calibration=str(planned.key)
    )
    done = [entry for entry in entries if entry.status == "done"]
    if not done:
        return prior_calibrations(workspace, butler, campaign, planned)
    return tuple(
        Prior(one["calibration"], one["run"], tuple(one["uuids"])) for one in done[-1].parameters["priors"]
    )


def runs_in_use(butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration) -> tuple[str, ...]:
    """Return the RUNs of the certified calibrations that ``planned`` would take the place of.

    Where its exposures straddle two of them there is nothing to hold it against.
    """
    instrument = campaign.name.instrument
    runs: set[str] = set()
    for detector in detectors_of(butler, instrument, planned.generation):
        try:
            ref = certified_prior(
                butler,
                planned.key.calibration,
                default_chain(instrument),
                planned.generation,
                instrument=instrument,
                detector=detector,
                physical_filter=planned.key.physical_filter,
            )
        except RepositoryError:
            continue
        if ref is not None and ref.run != campaign.generation_run(planned.key):
            runs.add(ref.run)
    return tuple(sorted(runs))


def _certified(
    butler: Butler, name: str, campaign: CampaignRecord, planned: PlannedCalibration, *, required: bool
) -> Iterable[Prior]:
    instrument = campaign.name.instrument
    chain = default_chain(instrument)
    runs: dict[str, list[str]] = {}
    without: list[int] = []
    is_per_filter = _is_per_filter(butler, name)
    for detector in detectors_of(butler, instrument, planned.generation):
        # Which filter's a calibration for all filters would take, no profile says.
        ref = (
            None
            if is_per_filter and planned.key.physical_filter is None
            else certified_prior(
                butler,
                name,
                chain,
                planned.generation,
                instrument=instrument,
                detector=detector,
                physical_filter=planned.key.physical_filter if is_per_filter else None,
            )
        )
        if ref is None:
            without.append(detector)
        else:
            runs.setdefault(ref.run, []).append(str(ref.id))
    if without and (required or runs):
        # Half of a camera with a correction and half without it would be a quiet mistake.
        listed = ", ".join(map(str, without))
        raise RepositoryError(
            f"{planned.key} needs a {name} for detector {listed}: the campaign makes none and"
            f" {chain} holds none that is valid at its exposures",
            f"make the {name} in the same campaign, or certify one first",
        )
    return [Prior(name, run, tuple(uuids)) for run, uuids in runs.items()]


def _is_per_filter(butler: Butler, name: str) -> bool:
    """Tell whether there is one dataset for each filter; False for what the repository does not know."""
    try:
        return "physical_filter" in butler.get_dataset_type(name).dimensions
    except MissingDatasetTypeError:
        return False


def detectors_of(butler: Butler, instrument: str, exposures: tuple[int, ...]) -> tuple[int, ...]:
    """Detectors that have a raw of the exposures."""
    return tuple(sorted({detector for _, detector in raws_of(butler, instrument, exposures)}))


def raws_of(butler: Butler, instrument: str, exposures: tuple[int, ...]) -> frozenset[tuple[int, int]]:
    """Raws of the exposures that the repository holds: exposure and detector of each."""
    if not exposures:
        return frozenset()
    with butler.query() as query:
        rows = query.join_dataset_search("raw", raw_collection(instrument)).where(
            f"exposure IN ({', '.join(map(str, exposures))})", instrument=instrument
        )
        return frozenset(
            (int(data_id["exposure"]), int(data_id["detector"]))
            for data_id in rows.data_ids(["detector", "exposure"])
        )
