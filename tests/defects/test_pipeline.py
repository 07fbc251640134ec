"""Simulated raws through the bootstrap pipelines, the search and its verification, in a real repository."""

import numpy as np
import pytest

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.instruments.class_names import instrument_class_name
from infra.raws.ingest import ingest_raws
from infra.settings import builtin_policy
from infra.simulator.night import simulate_night
from infra.simulator.sensor import draw_sensor
from tasks.defects.algorithm import DefectReason, defects_from_table, defects_to_table
from tasks.defects.steps.model import from_defects
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, ExposureGroup
from tests.defects.repository import PIPELINES
from tests.simulator.nights import QUIET, night

FILTER = "SDSSr_65mm~empty"
EDGE = 5
CAMERA = {
    **QUIET,
    "dark_current": {},
    "bias_structure": {},
    "cosmic_rays": {},
    "defects": {
        "hot_pixels": 120,
        "hot_rate": (6.0, 200.0),
        "dead_pixels": 120,
        "dead_response": (0.0, 0.75),
        "hot_columns": 2,
        "dead_columns": 2,
    },
    "illumination": {**QUIET["illumination"], "pixel_response": 0.006},
}
SETS = (
    {"name": "bias", "type": "bias", "count": 6},
    {"name": "dark", "type": "dark", "count": 6, "exposure_time": 60.0},
    {"name": "flat", "type": "flat", "count": 6, "exposure_time": 4.0, "filter": FILTER},
)
NIGHT = night(*SETS, camera=CAMERA, segment={"data_width": 64, "data_height": 160})
DAY = 20240318
FIRST = {"bias": 1, "dark": 7, "flat": 13}
"""Sequence number of the first exposure of each set."""


def exposures(kind, n):
    return [DAY * 100000 + FIRST[kind] + i for i in range(n)]


def run(butler, pipeline, inputs, taken=(), **overrides):
    """Run a pipeline on exposures; return its outputs."""
    where = "instrument='LATISS'" + (f" AND exposure IN ({','.join(map(str, taken))})" if taken else "")
    request = PipelineRequest(
        PIPELINES / f"{pipeline}.yaml",
        where,
        (*inputs, "LATISS/raw/all"),
        f"chain/{pipeline}",
        f"run/{pipeline}",
        {f"{pipeline}:{key}": value for key, value in overrides.items()},
    )
    return run_pipeline(butler, request).outputs


@pytest.fixture(scope="module")
def sensor():
    detector = NIGHT.detector_model
    return draw_sensor(detector, NIGHT.segment.segment(detector.segment), NIGHT.camera)


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    """Repository after the bootstrap and the search; five exposures of each kind are inputs, one is not."""
    root = tmp_path_factory.mktemp("pipeline")
    simulate_night(NIGHT, root / "raws")
    create_repository(root / "repo")
    with open_butler(root / "repo", writeable=True) as one:
        register_instrument(one, instrument_class_name("LATISS"))
        ingest_raws(one, [root / "raws"])
        made = []
        for kind in ("bias", "dark", "flat"):
            run(one, f"{kind}Bootstrap", made, exposures(kind, 5))
            made.insert(0, f"run/{kind}Bootstrap")
        run(one, "defects", made)
        yield one


BOOTSTRAPS = ("run/biasBootstrap", "run/darkBootstrap", "run/flatBootstrap")


@pytest.fixture(scope="module")
def table(butler):
    return butler.get("defects", instrument="LATISS", detector=0, collections="run/defects")


@pytest.fixture(scope="module")
def found(table, sensor):
    return from_defects(defects_from_table(table), sensor.layout.image_shape)


def test_what_the_camera_really_has_is_found_and_hardly_anything_else(found, sensor):
    inner = (slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    truth = ((sensor.defects.extra_dark_rate > 3.0) | (sensor.defects.response < 0.9))[inner]
    by_value = (found & np.uint16(DefectReason.HOT | DefectReason.COLD) != 0)[inner]
    in_column = (found & np.uint16(DefectReason.COLUMN) != 0)[inner]
    assert np.count_nonzero(truth) > 250
    assert np.count_nonzero(truth & (found[inner] != 0)) > 0.99 * np.count_nonzero(truth)
    # Between the defects of a column lie sound pixels, which bear the reasons of the column's rectangle.
    single = by_value & ~in_column
    assert np.count_nonzero(single & truth) > 0.99 * np.count_nonzero(single)
    hot = (sensor.defects.extra_dark_rate > 3.0)[inner]
    is_hot = (found & np.uint16(DefectReason.HOT) != 0)[inner] & ~in_column
    assert np.count_nonzero(is_hot & hot) > 0.99 * np.count_nonzero(is_hot)


def test_edges_of_latiss_are_defects(found):
    assert (found[:EDGE] & np.uint16(DefectReason.EDGE) != 0).all()
    assert (found[:, -EDGE:] & np.uint16(DefectReason.EDGE) != 0).all()


def test_the_table_names_every_exposure_that_went_into_the_images(table):
    named = {table.meta[f"CPP_INPUT_{i}"] for i in range(15)}
    assert named == {one for kind in FIRST for one in exposures(kind, 5)}
    assert table.meta["SEQNAME"]
    assert table.meta["MJD-BEG"] < table.meta["MJD-END"]


@pytest.fixture(scope="module")
def verified(butler):
    taken = [one for kind in FIRST for one in exposures(kind, 6)]
    outputs = run(butler, "verifyDefects", ("run/defects", *BOOTSTRAPS), taken)
    (ref,) = outputs["verifyDefectsStatistics"]
    (residuals,) = outputs["verifyDefectsResiduals"]
    return DetectorStatistics.model_validate(butler.get(ref)), butler.get(residuals)


def test_every_exposure_is_measured_as_what_it_is(verified):
    record, residuals = verified
    groups = {one.exposure: one.group for one in record.exposures}
    assert len(groups) == len(residuals) == 18
    late = {exposures(kind, 6)[5] for kind in FIRST}
    assert {one for one, group in groups.items() if group is ExposureGroup.VERIFICATION} == late
    assert set(record.calibration_uuids) >= {"defects", "bias", "dark"}


def test_no_more_lies_outside_the_map_than_chance_and_cosmic_rays_put_there(verified):
    record, _ = verified
    for one in record.exposures:
        for name, values in one.amplifiers.items():
            assert values["EXCESS_OUTLIERS"] < 1e-3, (one.exposure, name)
            assert values["OUTLIERS"] <= values["UNMASKED_OUTLIERS"]
            assert values["MAX"] <= values["UNMASKED_MAX"]
    darks = [one for one in record.exposures if one.dark_time > 50]
    assert sum(one.detector["N_COSMIC_RAY_PIXELS"] for one in darks) > 0


def test_the_map_is_complete_and_confirmed(verified, found):
    record, _ = verified
    values = record.product_detector
    assert values["COMPLETENESS"] > 0.99
    assert values["UNCONFIRMED_FRACTION"] < 0.01
    assert values["N_PERSISTENT"] > 250
    assert values["N_DEFECT_PIXELS"] == np.count_nonzero(found)
    assert values["FRACTION"] == pytest.approx(np.count_nonzero(found) / found.size)
    assert values["N_DEAD_AMPLIFIERS"] == 0
    assert "N_NEW" not in values
    n_hot = sum(one["N_HOT"] for one in record.product_amplifiers.values())
    assert n_hot == values["N_HOT"] == np.count_nonzero(found & np.uint16(DefectReason.HOT))


def test_a_map_that_lacks_defects_or_has_too_many_is_told_so(butler, table, verified, sensor):
    # Thirty hot pixels are missing; a hundred sound ones are called cold.
    defects = list(defects_from_table(table))
    singles = [one for one in defects if one.reason == DefectReason.HOT and one.box.area == 1]
    removed = singles[:30]
    kept = [one for one in defects if one not in removed]
    taken = from_defects(defects, sensor.layout.image_shape) != 0
    sound = np.argwhere(~taken)[:: max(1, np.count_nonzero(~taken) // 100)][:100]
    added = [
        type(defects[0])(type(defects[0].box)(int(x), int(y), 1, 1), DefectReason.COLD) for y, x in sound
    ]
    other = defects_to_table([*kept, *added], {"CALIB_CREATION_DATETIME": "2999-01-01T00:00:00"})
    butler.collections.register("run/other")
    butler.put(other, "defects", instrument="LATISS", detector=0, run="run/other")
    some = [one for kind in FIRST for one in exposures(kind, 3)]
    request = PipelineRequest(
        PIPELINES / "verifyDefects.yaml",
        f"instrument='LATISS' AND exposure IN ({','.join(map(str, some))})",
        ("run/other", "run/defects", *BOOTSTRAPS, "LATISS/raw/all"),
        "chain/verifyOther",
        "run/verifyOther",
    )
    (ref,) = run_pipeline(butler, request).outputs["verifyDefectsStatistics"]
    values = DetectorStatistics.model_validate(butler.get(ref)).product_detector
    assert values["N_MISSED"] == pytest.approx(len(removed), abs=2)
    assert values["COMPLETENESS"] < 0.95
    assert values["N_UNCONFIRMED"] == 100
    # The map before it is the one it was made from.
    assert (values["N_NEW"], values["N_NEW_COLD"], values["N_NEW_HOT"]) == (100, 100, 0)
    assert (values["N_GONE"], values["N_GONE_HOT"], values["N_GONE_COLD"]) == (30, 30, 0)
    assert values["NEW_FRACTION"] == 100 / taken.size


def test_the_shipped_policy_verifies_a_good_map(verified):
    record, _ = verified
    uuid = record.calibration_uuids["defects"]
    verdict = evaluate([record], builtin_policy("LATISS"), calibration="defects", candidates={0: uuid})
    assert not verdict.failures
    assert not verdict.could_not_run
    # There is no map before this one, which is worth no more than a warning.
    assert {one.test for one in verdict.warnings} <= {"NEW", "GONE"}
