"""Sky frames of three detectors that see one sky, through the pipeline that people run."""

import numpy as np
import pytest

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator import load_night_spec, simulate_night
from infra.simulator.specification import NightSpec
from tests.crosstalk.pipelines import PIPELINES

pytestmark = pytest.mark.slow

DETECTORS = (3, 4, 5)
FILTER = "r_03"
STRUCTURE = 0.01
MESH = 16


def specification() -> NightSpec:
    """Return three detectors of the night of LSSTComCam, with a set of skies."""
    plain = load_night_spec("comcam").model_dump(mode="json", exclude_defaults=True)
    plain["detectors"] = list(DETECTORS)
    plain["sets"] = [one | {"count": 4} for one in plain["sets"] if not one["name"].endswith("-2")]
    plain["sets"].append(
        {
            "name": "sky",
            "type": "object",
            "count": 5,
            "exposure_time": 30.0,
            "filter": FILTER,
            "sky": {"level": 4000.0, "structure": STRUCTURE},
            "stars": {"count": 4},
        }
    )
    return NightSpec.model_validate(plain)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the truth, the frames by detector, and the smooth skies."""
    root = tmp_path_factory.mktemp("focal-plane")
    truth = simulate_night(specification(), root / "raws", workers=2)
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LSSTComCam"))
        ingest_raws(butler, [root / "raws"])
        done: list[str] = []
        for pipeline, name in (("bias", "bias"), ("dark", "dark"), ("flat", "flat-r"), ("sky", "sky")):
            exposures = ",".join(str(one.exposure) for one in truth.exposures_of(name))
            request = PipelineRequest(
                PIPELINES / f"{pipeline}.yaml",
                f"instrument='LSSTComCam' AND exposure IN ({exposures})",
                (*done, "LSSTComCam/raw/all"),
                f"chain/{pipeline}",
                f"run/{pipeline}",
                {"skyMeasure:mesh": str(MESH)} if pipeline == "sky" else {},
            )
            run_pipeline(butler, request)
            done.append(f"run/{pipeline}")
        data_id = {"instrument": "LSSTComCam", "physical_filter": FILTER}
        frames = {
            number: calibration_image(
                butler.get("sky", {**data_id, "detector": number}, collections="run/sky")
            )
            for number in DETECTORS
        }
        yield truth, frames, butler.get("skyScales", data_id, collections="run/sky")


def test_all_detectors_share_the_scale_of_an_exposure(made):
    truth, frames, scales = made
    exposures = truth.exposures_of("sky")
    assert list(scales["exposure"]) == [one.exposure for one in exposures]
    # Three detectors side by side, 125 mm: four super-pixels of at most 41 mm along x, one along y.
    assert scales["x_mm"].shape[1] == 5
    assert scales["y_mm"].shape[1] == 1
    for frame in frames.values():
        found = [frame.metadata[f"CPP_INPUT_SCALE_{i}"] for i in range(len(exposures))]
        np.testing.assert_array_equal(found, scales["scale"])


def test_each_frame_is_the_structure_of_its_own_detector(made):
    """Correlation with the truth, each without the slope along x that the smooth sky may take up.

    A cell of 256 pixels of 5 skies has a noise of 5e-4, a twentieth of the structure, and the flats of single
    detectors leave as much: the correlation with the right one is above 0.9, with any other below 0.7.
    """
    truth, frames, _ = made
    found = {number: _flattened(frame.image) for number, frame in frames.items()}
    true = {number: _flattened(truth.image("sky-structure", number)) for number in DETECTORS}
    for number in DETECTORS:
        for other in DETECTORS:
            correlation = np.corrcoef(found[number].ravel(), true[other].ravel())[0, 1]
            if number == other:
                assert correlation > 0.9
            else:
                assert correlation < 0.7


def _flattened(image):
    """Return blocks of the size of a cell, less a line along x."""
    ny, nx = (size // MESH for size in image.shape)
    blocks = image[: ny * MESH, : nx * MESH].reshape(ny, MESH, nx, MESH).mean(axis=(1, 3))
    x = np.linspace(-1, 1, nx)
    slope = (blocks.mean(axis=0) @ x) / (x @ x)
    return blocks - blocks.mean() - slope * x
