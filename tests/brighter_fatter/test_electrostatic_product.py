"""The electrostatic model as a product: its table, its task, and what its verification tells."""

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import DatasetType
from lsst.pex.config import FieldValidationError

from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError
from infra.instruments.class_names import instrument_class_name
from infra.ledger.clock import now
from infra.settings.loading import load_policy
from infra.simulator.brighter_fatter import move_boundaries
from tasks.brighter_fatter.electrostatic.field import boundary_shifts
from tasks.brighter_fatter.electrostatic.figures import figures
from tasks.brighter_fatter.electrostatic.pipeline_task import (
    ElectrostaticDistortionConfig,
    ElectrostaticDistortionTask,
    VerifyElectrostaticDistortionConfig,
    VerifyElectrostaticDistortionTask,
)
from tasks.brighter_fatter.electrostatic.table import from_table, to_table
from tasks.brighter_fatter.electrostatic.verify import product_statistics
from tasks.combine.priors import Priors, calibrations_of
from tasks.flat_pairs.curve.table import to_table as curve_to_table
from tasks.isr.distortion import correct_distortion
from tasks.isr.tables_of_charge import distortion_from_table
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics
from tests.brighter_fatter.electrostatic_curves import ALPHA, NAMES, SENSOR, curve, solution
from tests.isr.brighter_fatter_truth import covariances
from tests.isr.raws import LAYOUT
from tests.verification.test_product_task import raws

NAME = "electroBfDistortionMatrix"


def check_equal(found, expected):
    for field in ("measured", "scatter", "modelled", "north", "south", "east", "west", "n_used"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)
    for field in ("parameters", "gains", "bad_amplifiers", "at_bound", "chi_squared"):
        assert getattr(found, field) == getattr(expected, field), field
    np.testing.assert_equal(found.errors, expected.errors)


def test_nothing_is_lost_in_a_table_and_a_file(tmp_path):
    table = to_table(solution())
    stored = from_table(table)
    assert stored.parameters == solution().parameters.values()
    np.testing.assert_array_equal(stored.north, -stored.parameters["alpha"] * solution().shifts.upper)
    assert (stored.bad_amplifiers, len(stored.gains)) == (("C14",), 16)
    table.write(tmp_path / "matrix.ecsv")
    check_equal(from_table(Table.read(tmp_path / "matrix.ecsv")), stored)


def test_through_a_butler_and_into_the_corrections(tmp_path):
    create_repository(tmp_path / "repo")
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        dataset_type = DatasetType(
            NAME, ("instrument", "detector"), "AstropyTable", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(dataset_type)
        butler.collections.register("some/run")
        ref = butler.put(to_table(solution()), NAME, instrument="LATISS", detector=0, run="some/run")
        table = butler.get(ref)
    check_equal(from_table(table), from_table(to_table(solution())))
    matrix = calibrations_of({NAME: table}).distortion
    np.testing.assert_allclose(matrix.north, -ALPHA * solution().shifts.upper, rtol=1e-3)
    assert matrix.gains["C11"] == pytest.approx(1.01)


def run(table, **changes):
    config = ElectrostaticDistortionConfig()
    config.update(**changes)
    config.validate()
    task = ElectrostaticDistortionTask(config=config)
    return task.run(table, source=("some/run", "some-uuid"), created=now()).output


def test_the_task_names_its_curve_and_gives_shifts_for_filters():
    table = run(curve_to_table(curve()), bands={"y_09": "918-1050", "g_01": "400-552"})
    assert (table.meta["PTC_RUN"], table.meta["PTC_UUID"]) == ("some/run", "some-uuid")
    assert (table.meta["OBSTYPE"], table.meta["INSTRUME"]) == ("BF_DISTORTION_MATRIX", "LATISS")
    row = table[0]
    assert list(row["AVAILABLE_FILTERS"]) == ["y_09", "g_01"]
    of_red, of_blue = np.asarray(row["A_N_BY_FILTER"]).reshape(2, 8, 8)
    surface = np.asarray(row["A_N"]).reshape(8, 8)
    assert of_blue[0, 0] == pytest.approx(surface[0, 0], rel=1e-2)
    assert abs(of_red[0, 0]) < abs(of_blue[0, 0])


@pytest.mark.parametrize("band", ["red", "900-800", "100-200"])
def test_a_band_that_is_none_is_refused(band):
    with pytest.raises(FieldValidationError, match="no range"):
        run(curve_to_table(curve()), bands={"y": band})


def test_a_table_of_another_kind_is_refused():
    table = to_table(solution())
    table.meta["OBSTYPE"] = "BFK"
    with pytest.raises(CalprodError, match="no electrostatic model"):
        from_table(table)
    table = to_table(solution())
    table.remove_column("A_N")
    with pytest.raises(CalprodError, match="no column A_N"):
        from_table(table)


def statistics(table):
    return product_statistics(table, LAYOUT).detector


def test_a_sound_model_leaves_nothing_of_what_it_was_fitted_to():
    table = to_table(solution())
    found = statistics(table)
    assert found["REDUCED_CHI2"] < 1.0
    assert abs(found["A00_RESIDUAL"]) < 1e-5
    assert abs(found["SUM_RULE"]) < 0.15  # shifts reach beyond eight lags
    assert found["SHIFT_CONTINUITY"] < 1e-12
    assert found["AXES"] == pytest.approx(1.0, abs=1e-3)
    assert found["N_AT_BOUND"] <= 1.0  # zsh is all but at zq
    assert (found["N_GOOD"], found["N_BAD"]) == (15.0, 1.0)
    assert product_statistics(table, LAYOUT).problems == {}


def test_shifts_with_their_axes_exchanged_are_told():
    table = to_table(solution())
    for name in ("A_N", "A_S", "A_E", "A_W"):
        partner = {"A_N": "A_E", "A_E": "A_N", "A_S": "A_W", "A_W": "A_S"}[name]
        source = np.asarray(to_table(solution())[partner][0]).reshape(8, 8)
        table[name][0] = source.T.ravel()
    assert statistics(table)["AXES"] == pytest.approx(-1.0, abs=1e-3)
    # Matrices that are transposed without being exchanged contradict each other.
    table = to_table(solution())
    table["A_N"][0] = np.asarray(table["A_N"][0]).reshape(8, 8).T.ravel()
    assert statistics(table)["SHIFT_CONTINUITY"] > 0.01


def test_shifts_of_the_wrong_sign_are_told():
    table = to_table(solution())
    for name in ("A_N", "A_S", "A_E", "A_W"):
        table[name][0] = -np.asarray(table[name][0])
    assert statistics(table)["AXES"] == pytest.approx(-1.0, abs=1e-3)
    assert len(NAMES) == len(LAYOUT.amplifiers)


def test_the_figures_show_model_and_measurement():
    drawn = figures(to_table(solution()))
    assert [one.title for one in drawn] == [
        "Area changes of the neighbours",
        "Model less measurement",
        "Shifts of the boundaries",
    ]
    assert "-3.27e-06" in drawn[0].caption


def test_flats_get_the_covariances_of_photons():
    """Flats with the area changes of the model, corrected with what was read from the stored table.

    The same photons are looked at without the effect, so that second order alone remains: a µ of the effect,
    a fifth at 6e4 electron and a00 of -3.3e-6. How the changes of area come about, the simulation has
    otherwise than the model; to flats it is all the same.
    """
    charge = np.random.default_rng(9).poisson(60_000.0, (700, 700)).astype(float)
    area = ALPHA * boundary_shifts(SENSOR, 8).area
    image = move_boundaries(charge, area).astype(np.float32)
    corrected = image.copy()
    correct_distortion(corrected, distortion_from_table(to_table(solution())))
    truth, before, after = (covariances(one) for one in (charge, image, corrected))
    assert ((before - truth) / truth[0])[0] < -0.15
    np.testing.assert_allclose((after - truth) / (before - truth), 0.0, atol=0.05)


def test_the_task_that_verifies_reads_one_raw_for_the_layout():
    asked = []
    task = VerifyElectrostaticDistortionTask(config=VerifyElectrostaticDistortionConfig())
    stored = to_table(solution())
    result = task.run(raws(3, asked), Priors(uuids={NAME: "some-uuid"}), stored)
    record = DetectorStatistics.model_validate(result.statistics)
    assert len(asked) == 1
    assert record.product_problems == {}
    assert record.product_detector["N_BAD"] == 1.0
    assert record.product_detector["AXES"] == pytest.approx(1.0, abs=1e-3)


def failed(table, camera):
    """Names of the tests that a model fails."""
    task = VerifyElectrostaticDistortionTask(config=VerifyElectrostaticDistortionConfig())
    result = task.run(raws(1), Priors(uuids={NAME: "some-uuid"}), table)
    record = DetectorStatistics.model_validate(result.statistics)
    policy = load_policy(f"deployments/policies/{camera}.yaml")
    report = evaluate([record], policy, calibration=NAME)
    return {one.test for one in report.failures}


@pytest.mark.parametrize("camera", ["latiss", "lsstcam", "lsstcomcam"])
def test_planted_faults_fail_by_name(camera):
    assert failed(to_table(solution()), camera) == set()
    exchanged = to_table(solution())
    for name, partner in (("A_N", "A_E"), ("A_S", "A_W"), ("A_E", "A_N"), ("A_W", "A_S")):
        exchanged[name][0] = np.asarray(to_table(solution())[partner][0]).reshape(8, 8).T.ravel()
    assert failed(exchanged, camera) == {"ELECTRO_AXES"}
    transposed = to_table(solution())
    transposed["A_N"][0] = np.asarray(transposed["A_N"][0]).reshape(8, 8).T.ravel()
    assert "ELECTRO_CONTINUITY" in failed(transposed, camera)
    stale = to_table(solution())
    stale["A_MATRIX_MODEL"][0] = 1.1 * np.asarray(stale["A_MATRIX_MODEL"][0])
    stale["FIT_REDUCED_CHI2"][0] = 50.0
    assert failed(stale, camera) == {"ELECTRO_A00", "ELECTRO_CHI2"}
