"""Simulated exposures of stars in a repository, and the pipelines run on them."""

from pathlib import Path
from typing import Any

import numpy as np
from lsst.daf.butler import Butler

from infra.butler.execution import PipelineOutcome, PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator import NightTruth, load_night_spec, simulate_night
from infra.simulator.specification import NightSpec

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines"
OTHERS = ~np.eye(16, dtype=bool)


def stars(
    count: int, count_later: int = 0, *, faults: tuple[dict[str, Any], ...] = (), **camera: Any
) -> NightSpec:
    """Return the night for crosstalk with other counts, further effects and faults of its first set."""
    plain = load_night_spec("crosstalk").model_dump(mode="json", exclude_defaults=True)
    first, later = plain["sets"]
    first["count"], later["count"] = count, count_later
    first["spots"] |= camera.pop("spots", {})
    plain["sets"] = [first, later] if count_later else [first]
    if n_biases := camera.pop("biases", 0):
        plain["sets"].append({"name": "bias", "type": "bias", "count": n_biases})
    plain["camera"] = {**plain["camera"], **camera}
    plain["faults"] = [{**fault, "set": "stars"} for fault in faults]
    return NightSpec.model_validate(plain)


def make(root: Path, specification: NightSpec) -> NightTruth:
    """Make a repository that holds the raws of a night."""
    truth = simulate_night(specification, root / "raws", workers=2)
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        ingest_raws(butler, [root / "raws"])
    return truth


def run(
    butler: Butler, pipeline: str, exposures: list[int], inputs: tuple[str, ...] = (), **overrides: Any
) -> PipelineOutcome:
    """Run a pipeline on exposures."""
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        f"instrument='LATISS' AND exposure IN ({','.join(map(str, exposures))})",
        (*inputs, "LATISS/raw/all"),
        f"chain/{pipeline}",
        f"run/{pipeline}",
        {f"{pipeline}:{key}": str(value) for key, value in overrides.items()},
    )
    return run_pipeline(butler, request)


def pulls(matrix, truth):
    """Return the deviations from the truth, in standard errors, of all pairs of different amplifiers."""
    return ((matrix.coefficients - truth) / matrix.standard_errors)[OTHERS]
