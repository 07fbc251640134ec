"""Pipeline requests of a campaign: which pipeline, over which exposures, searching which collections."""

from importlib import resources
from pathlib import Path

from infra.butler.execution import PipelineRequest
from infra.errors import UsageError
from infra.naming import raw_collection
from infra.settings import CalibrationSettings, load_dependencies, load_policy
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord, PlannedCalibration
from tasks.campaigns.priors import Prior, settings_of

__all__ = [
    "check_settings",
    "exposure_ranges",
    "generation_request",
    "pipeline_argument",
    "pipelines_directory",
    "verification_request",
]


def pipelines_directory() -> Path:
    """Directory of the pipelines that come with calprod."""
    return Path(str(resources.files("deployments"))) / "pipelines"


def generation_request(
    workspace: Workspace, campaign: CampaignRecord, planned: PlannedCalibration, priors: tuple[Prior, ...]
) -> PipelineRequest:
    """Return the request that makes a calibration."""
    return PipelineRequest(
        pipeline=_pipeline(workspace, planned, verification=False),
        # One that is made from others reads no exposure; what it reads lies in their RUNs.
        where=_where(campaign, planned, () if planned.derived else planned.generation),
        inputs=(*_runs(priors), raw_collection(campaign.name.instrument)),
        output=campaign.name.generation(planned.key),
        output_run=campaign.generation_run(planned.key),
    )


def verification_request(
    workspace: Workspace,
    campaign: CampaignRecord,
    planned: PlannedCalibration,
    priors: tuple[Prior, ...],
    former: tuple[str, ...] = (),
) -> PipelineRequest:
    """Return the request that measures a calibration; the RUN it was made in is searched first.

    ``former`` are the RUNs of the ones in use until now, which some calibrations are held against.
    """
    return PipelineRequest(
        pipeline=_pipeline(workspace, planned, verification=True),
        where=_where(campaign, planned, planned.exposures),
        inputs=(
            campaign.generation_run(planned.key),
            *former,
            *_runs(priors),
            raw_collection(campaign.name.instrument),
        ),
        output=campaign.name.verification(planned.key),
        output_run=campaign.verification_run(planned.key),
    )


def check_settings(workspace: Workspace) -> None:
    """Refuse a profile that names what is not there, before anything is made by it.

    Raises
    ------
    UsageError
        Names the profile and what is missing.
    """
    load_policy(workspace.profile.policy, beside=workspace.profile_path)
    graph = load_dependencies(workspace.profile.dependencies, beside=workspace.profile_path)
    for settings in workspace.profile.calibrations:
        for name in settings.uses:
            if name not in graph.calibrations and workspace.profile.calibration(name) is None:
                raise UsageError(
                    f"{workspace.profile_path}: {settings.name} uses '{name}', and nothing is called that",
                    f"name one of {', '.join(graph.calibrations)}",
                )
    for settings in workspace.profile.calibrations:
        for verification in (False, True) if settings.is_certified else (False,):
            _named_pipeline(workspace, settings, verification=verification)


def _runs(priors: tuple[Prior, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(prior.run for prior in priors))


def _where(campaign: CampaignRecord, planned: PlannedCalibration, exposures: tuple[int, ...]) -> str:
    where = f"instrument='{campaign.name.instrument}'"
    if exposures:
        where += f" AND exposure IN ({exposure_ranges(exposures)})"
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
    return _named_pipeline(workspace, settings_of(workspace, planned), verification=verification)


def _named_pipeline(workspace: Workspace, settings: CalibrationSettings, *, verification: bool) -> Path:
    """Find a pipeline by the name or path the profile gives."""
    reference = settings.verification_pipeline if verification else settings.pipeline
    if reference is None:
        raise UsageError(f"{settings.name} has no verification_pipeline in {workspace.profile_path}")
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
    if pipeline.is_relative_to(pipelines_directory()):
        return f'"$PIPELINES/{pipeline.relative_to(pipelines_directory())}"'
    return f"'{pipeline}'"
