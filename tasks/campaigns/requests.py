"""Pipeline requests of a campaign: which pipeline, over which exposures, searching which collections."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lsst.daf.butler import Butler

from infra.butler.execution import PipelineRequest
from infra.butler.priors import certified_prior
from infra.errors import RepositoryError, UsageError
from infra.ledger import CalibrationState
from infra.naming import default_chain, raw_collection
from infra.settings import CalibrationSettings, load_policy
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord, PlannedCalibration

__all__ = [
    "Prior",
    "check_settings",
    "detectors_of",
    "exposure_ranges",
    "generation_request",
    "pinned_priors",
    "pipeline_argument",
    "pipelines_directory",
    "prior_calibrations",
    "verification_request",
]


@dataclass(frozen=True, slots=True)
class Prior:
    """A calibration that another one needs, pinned when the work was planned."""

    calibration: str
    """Dataset type."""
    run: str
    """RUN that holds it."""
    uuids: tuple[str, ...]
    """The datasets; empty for one that the campaign itself makes."""


def pipelines_directory() -> Path:
    """Directory of the pipelines that come with calprod."""
    return Path(str(resources.files("deployments"))) / "pipelines"


def prior_calibrations(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration
) -> tuple[Prior, ...]:
    """Find every calibration that ``planned`` needs: from this campaign, else the certified one.

    Raises
    ------
    RepositoryError
        One is missing, or the exposures straddle two validity ranges.
    """
    settings = workspace.profile.calibration(planned.key.calibration)
    if settings is None:
        raise UsageError(
            f"the profile does not make '{planned.key.calibration}'", f"add it to {workspace.profile_path}"
        )
    own = {one.key.calibration: one for one in campaign.calibrations if one.key.physical_filter is None}
    states = workspace.ledger.states(str(campaign.name))
    priors: list[Prior] = []
    for name in settings.after:
        if name in own:
            if states.get(name) is CalibrationState.REJECTED:
                raise RepositoryError(
                    f"{planned.key} of {campaign.name} needs its {name}, which was rejected",
                    "make both anew with: calprod run --new",
                )
            priors.append(Prior(name, campaign.generation_run(own[name].key), ()))
        else:
            priors.extend(_certified(butler, name, campaign, planned))
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


def _certified(
    butler: Butler, name: str, campaign: CampaignRecord, planned: PlannedCalibration
) -> Iterable[Prior]:
    instrument = campaign.name.instrument
    runs: dict[str, list[str]] = {}
    for detector in detectors_of(butler, instrument, planned.generation):
        ref = certified_prior(
            butler,
            name,
            default_chain(instrument),
            planned.exposures,
            instrument=instrument,
            detector=detector,
        )
        if ref is None:
            raise RepositoryError(
                f"{planned.key} needs a {name} for detector {detector}: the campaign makes none and"
                f" {default_chain(instrument)} holds none that is valid at its exposures",
                f"make the {name} in the same campaign, or certify one first",
            )
        runs.setdefault(ref.run, []).append(str(ref.id))
    return [Prior(name, run, tuple(uuids)) for run, uuids in runs.items()]


def detectors_of(butler: Butler, instrument: str, exposures: tuple[int, ...]) -> tuple[int, ...]:
    """Detectors that have a raw of the exposures."""
    with butler.query() as query:
        rows = query.join_dataset_search("raw", raw_collection(instrument)).where(
            f"exposure IN ({', '.join(map(str, exposures))})", instrument=instrument
        )
        return tuple(
            sorted({int(data_id["detector"]) for data_id in rows.data_ids(["detector", "exposure"])})
        )


def generation_request(
    workspace: Workspace, campaign: CampaignRecord, planned: PlannedCalibration, priors: tuple[Prior, ...]
) -> PipelineRequest:
    """Return the request that makes a calibration."""
    return PipelineRequest(
        pipeline=_pipeline(workspace, planned, verification=False),
        where=_where(campaign, planned, planned.generation),
        inputs=(*_runs(priors), raw_collection(campaign.name.instrument)),
        output=campaign.name.generation(planned.key),
        output_run=campaign.generation_run(planned.key),
    )


def verification_request(
    workspace: Workspace, campaign: CampaignRecord, planned: PlannedCalibration, priors: tuple[Prior, ...]
) -> PipelineRequest:
    """Return the request that measures a calibration; the RUN it was made in is searched first."""
    return PipelineRequest(
        pipeline=_pipeline(workspace, planned, verification=True),
        where=_where(campaign, planned, planned.exposures),
        inputs=(
            campaign.generation_run(planned.key),
            *_runs(priors),
            raw_collection(campaign.name.instrument),
        ),
        output=campaign.name.verification(planned.key),
        output_run=campaign.verification_run(planned.key),
    )


def check_settings(workspace: Workspace) -> None:
    """Refuse a profile that names a policy or pipeline that is not there, before anything is made by it.

    Raises
    ------
    UsageError
        Names the profile and what is missing.
    """
    load_policy(workspace.profile.policy, beside=workspace.profile_path)
    for settings in workspace.profile.calibrations:
        for verification in (False, True):
            _named_pipeline(workspace, settings, verification=verification)


def _runs(priors: tuple[Prior, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(prior.run for prior in priors))


def _where(campaign: CampaignRecord, planned: PlannedCalibration, exposures: tuple[int, ...]) -> str:
    where = f"instrument='{campaign.name.instrument}' AND exposure IN ({exposure_ranges(exposures)})"
    if planned.key.physical_filter is not None:
        where += f" AND physical_filter='{planned.key.physical_filter}'"
    return where


def exposure_ranges(exposures: tuple[int, ...]) -> str:
    """Return exposures as the Butler's query language writes them: ``2024031800002..2024031800009, …11``."""
    runs: list[list[int]] = []
    for exposure in sorted(exposures):
        if runs and exposure == runs[-1][-1] + 1:
            runs[-1].append(exposure)
        else:
            runs.append([exposure])
    return ", ".join(f"{run[0]}..{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _pipeline(workspace: Workspace, planned: PlannedCalibration, *, verification: bool) -> Path:
    settings = workspace.profile.calibration(planned.key.calibration)
    assert settings is not None  # prior_calibrations was asked first
    return _named_pipeline(workspace, settings, verification=verification)


def _named_pipeline(workspace: Workspace, settings: CalibrationSettings, *, verification: bool) -> Path:
    """Find a pipeline by the name or path the profile gives."""
    reference = settings.verification_pipeline if verification else settings.pipeline
    if reference.endswith((".yaml", ".yml")):
        path = (workspace.profile_path.parent / reference).resolve()
    else:
        path = pipelines_directory() / f"{reference}.yaml"
    if not path.is_file():
        raise UsageError(
            f"{workspace.profile_path}: pipeline '{reference}' of {settings.name} does not exist at {path}",
            "name a pipeline that comes with calprod, or a YAML file beside the profile",
        )
    return path


def pipeline_argument(pipeline: Path) -> str:
    """Return the shell text for a pipeline: relative to ``$PIPELINES`` if it comes with calprod."""
    if pipeline.parent == pipelines_directory():
        return f'"$PIPELINES/{pipeline.name}"'
    return f"'{pipeline}'"
