"""Bringing together what the report of a campaign shows."""

from collections.abc import Iterator
from typing import Any

from lsst.daf.butler import Butler

from infra.butler.contents import read_table
from infra.butler.repository import datasets_of_run
from infra.ledger import Entry
from infra.ledger.clock import now, tai_text
from infra.settings import load_policy
from infra.versions import software_versions
from infra.workspace import Workspace
from tasks.campaigns.expectation import expectation
from tasks.campaigns.model import CampaignRecord, PlannedCalibration
from tasks.campaigns.on_demand import CombinedImages, OnDemand, StoredTables
from tasks.campaigns.script import campaign_script
from tasks.catalogue import entry_of
from tasks.reporting.amplifiers import summarise_amplifiers
from tasks.reporting.contents import CalibrationContents, Intermediate, ReportContents, Residual
from tasks.verification.evaluate import all_results
from tasks.verification.model import DetectorStatistics, Verdict

__all__ = ["report_contents", "verdict_of", "verdict_rows"]


def report_contents(workspace: Workspace, butler: Butler, campaign: CampaignRecord) -> ReportContents:
    """Return everything the report of a campaign shows, from the Butler and the ledger.

    Images and residuals are read when the report asks for them: the Butler must stay open until it is
    written.
    """
    calibrations = tuple(
        contents
        for planned in campaign.calibrations
        if (contents := _calibration(workspace, butler, campaign, planned)) is not None
    )
    return ReportContents(
        campaign=str(campaign.name),
        instrument=campaign.name.instrument,
        day_obs=campaign.day_obs,
        producer=campaign.producer,
        when=f"{tai_text(now())[:19].replace('T', ' ')} TAI",
        calibrations=calibrations,
        intermediates=tuple(_intermediates(workspace, butler, campaign)),
        plan=campaign.plan,
        versions=software_versions(),
        replay_script=campaign_script(workspace, campaign),
        repository=str(workspace.repository),
    )


def verdict_rows(workspace: Workspace, campaign: CampaignRecord) -> list[dict[str, Any]]:
    """Return one row per calibration: state, verdict and the numbers of failures."""
    states = workspace.ledger.states(str(campaign.name))
    rows = []
    for planned in campaign.calibrations:
        key = str(planned.key)
        verdict = verdict_of(workspace, campaign, key)
        rows.append(
            {
                "calibration": key,
                "state": str(states.get(key, "unknown")),
                "verdict": "not verified" if verdict is None else verdict.outcome.value,
                "failures": 0 if verdict is None else len(verdict.failures),
                "warnings": 0 if verdict is None else len(verdict.warnings),
                "waived": 0 if verdict is None else len(verdict.waived),
                "could not run": 0 if verdict is None else len(verdict.could_not_run),
            }
        )
    return rows


def verdict_of(workspace: Workspace, campaign: CampaignRecord, key: str) -> Verdict | None:
    """Return the last verdict on a calibration, from the ledger."""
    entry = _last_done(workspace, campaign, "verify", key)
    return None if entry is None else Verdict.model_validate(entry.parameters["verdict"])


def _calibration(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration
) -> CalibrationContents | None:
    key, kind = str(planned.key), planned.key.calibration
    verdict = verdict_of(workspace, campaign, key)
    if verdict is None:
        return None
    entry = entry_of(kind)
    run, verification_run = campaign.generation_run(planned.key), campaign.verification_run(planned.key)
    refs = datasets_of_run(butler, kind, run)
    images = CombinedImages(butler, refs if entry.is_image else ())
    tables = StoredTables(butler, () if entry.is_image else refs, entry.figures)
    stored = images if entry.is_image else tables
    name = f"verify{kind[0].upper()}{kind[1:]}"
    statistics = tuple(
        DetectorStatistics.model_validate(butler.get(ref))
        for ref in datasets_of_run(butler, f"{name}Statistics", verification_run)
    )
    policy = load_policy(workspace.profile.policy, beside=workspace.profile_path)
    question = expectation(butler, campaign, planned)
    results = all_results(statistics, policy, calibration=key, **question.arguments())
    generated = _last_done(workspace, campaign, "generate", key)
    gate = workspace.ledger.entries(campaign=str(campaign.name), step="approve", calibration=key)
    settings = workspace.profile.calibration(kind)
    return CalibrationContents(
        key=key,
        label=entry.label,
        made_from=settings.after if planned.derived and settings is not None else (),
        state=str(workspace.ledger.states(str(campaign.name)).get(key, "unknown")),
        verdict=verdict,
        unit=entry.unit,
        statistics=statistics,
        amplifier_tests=summarise_amplifiers(results),
        combined=images.images,
        figures=tables.figures,
        overview=tuple(
            figure
            for ref in (datasets_of_run(butler, entry.overview, run) if entry.overview else ())
            for figure in entry.overview_figures(read_table(butler, ref))
        ),
        residuals=OnDemand(
            datasets_of_run(butler, f"{name}Residuals", verification_run) if entry.is_image else (),
            lambda ref: Residual.from_table(butler.get(ref)),
        ),
        generation=planned.generation,
        verification=planned.verification,
        priors=stored.priors,
        collections={
            "generation RUN": run,
            "generation chain": campaign.name.generation(planned.key),
            "verification RUN": verification_run,
            "configuration and versions": "" if generated is None else f"ledger entry {generated.sequence}",
        },
        datasets=stored.datasets,
        gate_digest=gate[-1].digest if gate else None,
    )


def _intermediates(workspace: Workspace, butler: Butler, campaign: CampaignRecord) -> Iterator[Intermediate]:
    """Yield the products that only serve others of the campaign."""
    states = workspace.ledger.states(str(campaign.name))
    for planned in campaign.calibrations:
        settings = workspace.profile.calibration(planned.key.calibration)
        if settings is None or settings.is_certified:
            continue
        run = campaign.generation_run(planned.key)
        yield Intermediate(
            key=str(planned.key),
            state=str(states.get(str(planned.key), "unknown")),
            exposures=planned.generation,
            run=run,
            detectors=len(datasets_of_run(butler, planned.key.calibration, run)),
        )


def _last_done(workspace: Workspace, campaign: CampaignRecord, step: str, key: str) -> Entry | None:
    entries = workspace.ledger.entries(campaign=str(campaign.name), step=step, calibration=key)
    done = [entry for entry in entries if entry.status == "done"]
    return done[-1] if done else None
