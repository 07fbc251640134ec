"""What verification of a calibration must have looked at: every planned frame, and the candidate itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsst.daf.butler import Butler

from infra.butler.repository import datasets_of_run
from tasks.campaigns.model import CampaignRecord, PlannedCalibration
from tasks.campaigns.priors import detectors_of, raws_of
from tasks.verification.model import ExposureGroup, PlannedFrame

__all__ = ["Expectation", "expectation"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the statistics of one calibration are held against, besides the policy."""

    frames: tuple[PlannedFrame, ...]
    """Every exposure of every detector that must have been measured."""
    candidates: Mapping[int, str]
    """UUID of the calibration that must have been read, by detector."""
    day_obs: int
    """Observing day of the campaign."""
    detectors: tuple[int, ...] = ()
    """Detectors that must have a calibration."""

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `tasks.verification.evaluate.evaluate`."""
        return {
            "expected": self.frames,
            "candidates": self.candidates,
            "day_obs": self.day_obs,
            "detectors": self.detectors,
        }


def expectation(butler: Butler, campaign: CampaignRecord, planned: PlannedCalibration) -> Expectation:
    """Return what the verification of a calibration must have looked at.

    A detector whose calibration could not be made is among them, so that it is missed. A frame is not, whose
    raw of that detector alone is absent: it was refused when the others were ingested.
    """
    refs = datasets_of_run(butler, planned.key.calibration, campaign.generation_run(planned.key))
    candidates = {int(ref.dataId["detector"]): str(ref.id) for ref in refs}
    artefacts = _known_artefacts(campaign, str(planned.key))
    detectors = {*candidates, *detectors_of(butler, campaign.name.instrument, planned.generation)}
    groups = (
        (ExposureGroup.GENERATION, planned.tested_inputs),
        (ExposureGroup.VERIFICATION, planned.verification),
    )
    held = raws_of(butler, campaign.name.instrument, (*planned.tested_inputs, *planned.verification))
    somewhere = {exposure for exposure, _ in held}
    frames = tuple(
        PlannedFrame(exposure=exposure, detector=detector, group=group, artefact=artefacts.get(exposure))
        for detector in sorted(detectors)
        for group, exposures in groups
        for exposure in exposures
        if (exposure, detector) in held or exposure not in somewhere
    )
    return Expectation(frames, candidates, campaign.day_obs, tuple(sorted(detectors)))


def _known_artefacts(campaign: CampaignRecord, key: str) -> dict[int, str]:
    """Return the exposures with an artefact of their own: first ones, and those after saturated ones."""
    found: dict[int, str] = {}
    for row in campaign.plan["exposures"]:
        evidence = row["evidence"]
        if row["calibration"] != key or row["role"] != "verification":
            continue
        if "artefact" in evidence:
            found[row["exposure"]] = str(evidence["artefact"])
        elif evidence.get("position") == 1:  # plans of campaigns from before artefacts were named
            found[row["exposure"]] = "first exposure of its set"
        elif "after_saturated" in evidence:
            found[row["exposure"]] = f"taken right after the saturated exposure {evidence['after_saturated']}"
    return found
