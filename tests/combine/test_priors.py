"""Optional calibrations in a real repository: applied and named where there are any, else left out."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import DatasetType

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import calibration_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError, RepositoryError
from infra.instruments import camera
from infra.instruments.class_names import instrument_class_name
from infra.instruments.layout import Box
from infra.raws.ingest import ingest_raws
from infra.simulator.night import simulate_night
from tasks.combine.priors import calibrations_of
from tasks.defects.steps.model import Defect, DefectReason
from tasks.defects.steps.tables import defects_to_table
from tasks.isr.crosstalk_matrix import CrosstalkMatrix, matrix_to_table
from tests.simulator.nights import QUIET, night

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines"
NIGHT = night(
    {"name": "bias", "type": "bias", "count": 5},
    {"name": "dark", "type": "dark", "count": 5, "exposure_time": 30.0},
    camera=QUIET,
    segment={"data_width": 32, "data_height": 64},
)
AMPLIFIERS = camera("LATISS").detector(0).amplifiers
NAMES = [amplifier.name for amplifier in AMPLIFIERS]
GAIN, NOISE = 1.7, 6.5
CURATED = "LATISS/calib/curated"


def ptc():
    n = len(NAMES)
    return Table(
        {
            "AMPLIFIER_NAME": NAMES,
            "GAIN": np.full(n, GAIN),
            "NOISE": np.full(n, NOISE),
            "PTC_TURNOFF": np.full(n, 9e4),
        },
        meta={"OBSTYPE": "PTC", "PTC_VERSION": 2.6, "CALIBDATE": "2024-03-01T00:00:00", "SEQNAME": "old.seq"},
    )


def linearizer(square=0.0):
    n = len(NAMES)
    coefficients = np.full((n, 2), square)
    return Table(
        {"AMPLIFIER_NAME": NAMES, "TYPE": ["Squared"] * n, "COEFFS": coefficients},
        meta={"OBSTYPE": "LINEARIZER", "LINEARIZER_VERSION": "1.8"},
    )


def crosstalk():
    n = len(NAMES)
    zero = np.zeros((n, n))
    coefficients = np.full((n, n), 1e-4)
    return matrix_to_table(
        CrosstalkMatrix(tuple(NAMES), coefficients, zero, zero.astype(int), zero == 0, zero, zero)
    )


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    root = tmp_path_factory.mktemp("priors")
    simulate_night(NIGHT, root / "raws")
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as one:
        register_instrument(one, instrument_class_name("LATISS"))
        ingest_raws(one, [root / "raws"])
        yield one


def make(butler, pipeline, run, inputs=(), **overrides):
    first = 1 if "bias" in pipeline.lower() else 6
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        f"instrument='LATISS' AND exposure IN (20240318{first:05d}..20240318{first + 4:05d})",
        (*inputs, "LATISS/raw/all"),
        f"chain/{run}",
        run,
        {f"{pipeline.split('/')[-1]}:{key}": value for key, value in overrides.items()},
    )
    outputs = run_pipeline(butler, request).outputs
    (ref,) = outputs[next(iter(outputs))]
    return ref, calibration_image(butler.get(ref))


@pytest.fixture(scope="module")
def plain(butler):
    """Return the bias of a repository that has never heard of any prior."""
    return make(butler, "bias", "plain")


@pytest.fixture(scope="module")
def curated(butler, plain):
    """Return the references of a crosstalk matrix, linearizer, curve and defects in a RUN."""
    butler.collections.register(CURATED)
    tables = {"crosstalk": crosstalk(), "linearizer": linearizer(), "ptc": ptc()}
    tables["defects"] = defects_to_table([Defect(Box(3, 5, 2, 3), DefectReason.MANUAL)])
    tables["crosstalk"].meta["CALIBDATE"] = "2024-02-01T00:00:00"
    dimensions, refs = butler.dimensions.conform(["instrument", "detector"]), {}
    for name, table in tables.items():
        butler.registry.registerDatasetType(DatasetType(name, dimensions, "AstropyTable", isCalibration=True))
        refs[name] = butler.put(table, name, {"instrument": "LATISS", "detector": 0}, run=CURATED)
    return refs


def applied(image):
    return {key[9:-8] for key, value in image.metadata.items() if key.endswith(" APPLIED") and value is True}


def test_a_repository_without_priors_makes_the_same_calibrations_as_ever(plain):
    _, image = plain
    assert "GAIN" in applied(image)
    assert not {"CROSSTALK", "LINEARIZER", "BIAS", "DEFECTS"} & applied(image)
    assert image.metadata["LSST ISR GAIN SOURCE"] == "CAMERA MODEL"
    assert not [key for key in image.metadata if key.startswith("LSST CALIB UUID")]
    assert image.metadata["LSST ISR CROSSTALK APPLIED"] is False


def test_priors_that_stand_in_the_search_are_applied_and_named(butler, plain, curated):
    _, image = make(butler, "bias", "with-priors", (CURATED,))
    cards = image.metadata
    assert {"CROSSTALK", "LINEARIZER", "GAIN"} <= applied(image)
    assert cards["LSST ISR GAIN SOURCE"] == "PTC"
    assert (cards["LSST ISR GAIN C10"], cards["LSST ISR READNOISE C10"]) == (GAIN, NOISE)
    for name in ("CROSSTALK", "LINEARIZER", "PTC"):
        assert cards[f"LSST CALIB UUID {name}"] == str(curated[name.lower()].id)
        assert cards[f"LSST CALIB RUN {name}"] == CURATED
    assert cards["LSST CALIB DATE PTC"] == "2024-03-01T00:00:00"
    assert cards["LSST CALIB DATE CROSSTALK"] == "2024-02-01T00:00:00"
    # A bias does not ask for defects.
    assert "LSST CALIB UUID DEFECTS" not in cards
    # Gains of the curve instead of the nominal ones, on the same counts.
    ratio = image.image.std() / plain[1].image.std()
    nominal = np.mean([amplifier.gain for amplifier in AMPLIFIERS])
    assert ratio == pytest.approx(GAIN / nominal, rel=0.05)


def test_another_state_of_the_camera_is_recorded_or_refused(butler, curated, caplog):
    _, image = make(butler, "bias", "lenient", (CURATED,))
    assert image.metadata["LSST ISR STATE MISMATCH PTC"] == "SEQNAME"
    assert "the ptc was made in another state of the camera, SEQNAME" in caplog.text
    with pytest.raises(Exception, match=r"the ptc was made in another state.*SEQNAME 'old.seq'"):
        make(butler, "bias", "strict", (CURATED,), **{"isr.strict": "True"})


def test_a_prior_that_is_required_is_missed(butler):
    with pytest.raises(Exception, match=r"need a linearizer.*make a linearizer first"):
        make(butler, "bias", "required", **{"isr.required": "['linearizer']"})


def test_a_dark_takes_the_bias_and_masks_defects(butler, curated):
    make(butler, "bias", "bias-for-dark", (CURATED,))
    ref, image = make(butler, "dark", "dark", ("bias-for-dark", CURATED))
    assert {"BIAS", "DEFECTS", "LINEARIZER", "CROSSTALK"} <= applied(image)
    assert ref.datasetType.name == "dark"
    assert {key for key in image.metadata if key.startswith("LSST CALIB UUID ")} == {
        f"LSST CALIB UUID {name}" for name in ("BIAS", "CROSSTALK", "LINEARIZER", "PTC", "DEFECTS")
    }


def test_bootstraps_are_in_adu_and_build_on_each_other(butler):
    ref, bias = make(butler, "biasBootstrap", "bias-bootstrap")
    assert ref.datasetType.name == "biasBootstrap"
    assert bias.metadata["LSST ISR UNITS"] == "adu"
    assert bias.metadata["LSST ISR BOOTSTRAP"] is True
    _, dark = make(butler, "darkBootstrap", "dark-bootstrap", ("bias-bootstrap",))
    assert dark.metadata["LSST CALIB UUID BIAS"] == str(ref.id)
    assert dark.metadata["LSST ISR BIAS APPLIED"] is True
    assert dark.metadata["BUNIT"] == "adu/s"


def test_the_order_of_2024_04_makes_everything_in_adu(butler):
    ref, bias = make(butler, "2024-04/bias", "bias-2024")
    assert (ref.datasetType.name, bias.metadata["BUNIT"]) == ("bias", "adu")
    assert bias.metadata["LSST ISR GAIN APPLIED"] is False
    ref, dark = make(butler, "2024-04/darkForDefects", "dark-2024", ("bias-2024",))
    assert (ref.datasetType.name, dark.metadata["BUNIT"]) == ("darkBootstrap", "adu/s")


def test_a_table_that_is_not_what_its_name_says_is_refused():
    with pytest.raises(CalprodError, match="OBSTYPE 'PTC' is no linearizer"):
        calibrations_of({"linearizer": ptc()})


def test_a_pipeline_that_names_no_task_is_refused_by_its_name(butler, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("description: broken\ntasks: {dark: {class: tasks.dark.pipeline_task.NoSuchTask}}\n")
    request = PipelineRequest(path, "instrument='LATISS'", ("LATISS/raw/all",), "chain/broken", "broken")
    with pytest.raises(RepositoryError, match=r"broken\.yaml cannot be built: .*NoSuchTask"):
        run_pipeline(butler, request)


def test_what_a_task_asks_for_and_is_nowhere_is_named(butler):
    with pytest.raises(RepositoryError, match=r"no work for dark in without-bias: .*nowhere"):
        make(butler, "dark", "without-bias", **{"connections.bias": "nowhere"})
