"""A night through the pipelines of 2024-04 in a real repository: all in adu, defects from the bias itself."""

from pathlib import Path

import pytest

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.simulator.night import simulate_night
from tests.simulator.nights import QUIET, night

pytestmark = pytest.mark.slow

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines" / "2024-04"
FILTER = "SDSSr_65mm~empty"
NIGHT = night(
    {"name": "bias", "type": "bias", "count": 5},
    {"name": "dark", "type": "dark", "count": 5, "exposure_time": 30.0},
    {"name": "flat", "type": "flat", "count": 5, "exposure_time": 3.0, "filter": FILTER},
    camera={**QUIET, "dark_current": {}, "bias_structure": {}},
    segment={"data_width": 48, "data_height": 80},
)
STEPS = (
    ("bias", "bias"),
    ("darkForDefects", "dark"),
    ("flatForDefects", "flat"),
    ("defects", None),
    ("dark", "dark"),
    ("flat", "flat"),
    ("verifyBias", "bias"),
    ("verifyDark", "dark"),
    ("verifyFlat", "flat"),
    ("verifyDefects", "all"),
)
FIRST = {"bias": (1, 5), "dark": (6, 10), "flat": (11, 15), "all": (1, 15)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return what each pipeline left, by dataset type."""
    root = tmp_path_factory.mktemp("legacy")
    simulate_night(NIGHT, root / "raws")
    create_repository(root / "repo")
    outputs, runs = {}, []
    with open_butler(root / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        ingest_raws(butler, [root / "raws"])
        for name, kind in STEPS:
            where = "instrument='LATISS'"
            if kind is not None:
                first, last = FIRST[kind]
                where += f" AND exposure IN (20240318{first:05d}..20240318{last:05d})"
            inputs = (*runs, "LATISS/raw/all")
            request = PipelineRequest(
                PIPELINES / f"{name}.yaml", where, inputs, f"chain/{name}", f"run/{name}"
            )
            for dataset_type, refs in run_pipeline(butler, request).outputs.items():
                outputs[dataset_type] = butler.get(refs[0])
            runs.insert(0, f"run/{name}")
        yield outputs


@pytest.mark.parametrize(
    ("name", "unit", "applied"),
    [
        ("bias", "adu", set()),
        ("darkBootstrap", "adu/s", {"BIAS"}),
        ("flatBootstrap", "", {"BIAS", "DARK"}),
        ("dark", "adu/s", {"BIAS", "DEFECTS"}),
        ("flat", "", {"BIAS", "DARK"}),
    ],
)
def test_calibrations_are_made_without_gains(made, name, unit, applied):
    cards = calibration_image(made[name]).metadata
    assert (cards.get("BUNIT") or "", cards["LSST ISR UNITS"]) == (unit, "adu")
    assert cards["LSST ISR GAIN APPLIED"] is False
    assert {one for one in ("BIAS", "DARK", "DEFECTS") if cards[f"LSST ISR {one} APPLIED"]} == applied


@pytest.mark.parametrize("name", ["verifyBias", "verifyDark", "verifyFlat"])
def test_residuals_are_measured_in_electrons(made, name):
    exposures = made[f"{name}Statistics"]["exposures"]
    assert len(exposures) == 5
    for one in exposures:
        for values in one["amplifiers"].values():
            # Expected is what the read noise in electrons and the charge say.
            assert values["NOISE"] == pytest.approx(values["EXPECTED_NOISE"], rel=0.12)


def test_defects_are_found_and_measured(made):
    assert {"x0", "y0", "width", "height"} <= set(made["defects"].colnames)
    assert made["verifyDefectsStatistics"]["exposures"]
