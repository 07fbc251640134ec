"""A simulated raft of nine sensors in a repository, and the pipelines run on it."""

from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler

from infra.butler.execution import PipelineOutcome, PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator import NightTruth, simulate_night
from infra.simulator.specification import NightSpec

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines"
CAMERA = "LSSTComCam"
FILTER = "r_03"

RADII = (0.0, 30.0, 60.0, 90.0)
PROFILE = (1.0, 0.996, 0.985, 0.965)
"""Light from the middle of the raft outwards, at the nodes that the fit has."""
SLOPE = (4.0e-4, -2.5e-4)
"""Slope of the light (1/mm)."""

LIGHT: dict[str, Any] = {"radii": RADII, "profile": PROFILE, "gradient": SLOPE}


def raft(*sets: dict[str, Any], faults: tuple[dict[str, Any], ...] = (), **keys: Any) -> NightSpec:
    """Return a night of LSSTComCam with small sensors in a light that falls off and slopes."""
    camera = {
        "electronics": {"gain_scatter": 0.0},
        "illumination": {
            "default_lamp_rate": 20_000.0,
            "lamp_jitter": 0.02,
            "vignetting": 0.0,
            "gradient": 0.0,
            "dust": 0,
            "focal_plane": LIGHT,
        },
    } | keys.pop("camera", {})
    night = {
        "instrument": CAMERA,
        "detectors": "all",
        "day_obs": 20241120,
        "seed": 4,
        "segment": {"data_width": 24, "data_height": 96},
        "sets": sets,
        "camera": camera,
        "faults": faults,
    }
    return NightSpec.model_validate(night | keys)


BIASES = {"name": "bias", "type": "bias", "count": 6}
DARKS = {"name": "dark", "type": "dark", "count": 6, "exposure_time": 30.0}


def flats(name: str = "flat", count: int = 8, **keys: Any) -> dict[str, Any]:
    """Return a set of flats."""
    return {"name": name, "type": "flat", "count": count, "exposure_time": 1.0, "filter": FILTER, **keys}


def make(root: Path, specification: NightSpec) -> NightTruth:
    """Make a repository that holds the raws of a night."""
    truth = simulate_night(specification, root / "raws", workers=2)
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name(CAMERA))
        ingest_raws(butler, [root / "raws"])
    return truth


def ids(truth: NightTruth, name: str) -> list[int]:
    """Return the exposures of a set, each once."""
    return sorted({one.exposure for one in truth.exposures_of(name)})


def run(
    butler: Butler,
    pipeline: str,
    exposures: list[int],
    inputs: tuple[str, ...] = (),
    *,
    name: str | None = None,
    where: str = "",
    **overrides: Any,
) -> PipelineOutcome:
    """Run a pipeline on exposures; overrides are ``label__field``."""
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        f"instrument='{CAMERA}' AND exposure IN ({','.join(map(str, exposures))}){where}",
        (*inputs, f"{CAMERA}/raw/all"),
        f"chain/{name or pipeline}",
        f"run/{name or pipeline}",
        {key.replace("__", ":"): str(value) for key, value in overrides.items()},
    )
    return run_pipeline(butler, request)
