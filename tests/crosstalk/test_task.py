"""From simulated raws to a matrix and its verdict, through the pipelines that people run."""

from collections.abc import Iterator

import numpy as np
import pytest
from lsst.daf.butler import Butler

from infra.butler.repository import open_butler
from infra.settings import builtin_policy
from tasks.crosstalk.figures import figures
from tasks.crosstalk.run.product import SOURCE_PIXELS
from tasks.isr.crosstalk_matrix import matrix_to_table
from tasks.isr.tables import matrix_from_crosstalk
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.crosstalk.pipelines import OTHERS, make, pulls, run, stars

DATA_ID = {"instrument": "LATISS", "detector": 0}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Return the folder and the truth of ten exposures and six later ones, all effects of the camera on."""
    root = tmp_path_factory.mktemp("stars")
    return root, make(root, stars(10, 6, biases=6))


@pytest.fixture(scope="module")
def butler(night) -> Iterator[Butler]:
    """Return the repository after the measurement."""
    root, truth = night
    with open_butler(root / "repo", writeable=True) as one:
        run(one, "bias", ids(truth, "bias"))
        run(one, "crosstalk", ids(truth, "stars"), ("run/bias",), save_ratios=True)
        yield one


def ids(truth, name):
    return [one.exposure for one in truth.exposures_of(name)]


@pytest.fixture(scope="module")
def table(butler):
    return butler.get("crosstalk", DATA_ID, collections="run/crosstalk")


def test_every_coefficient_of_simulated_raws_is_within_its_error(night, table):
    matrix, truth = matrix_from_crosstalk(table), night[1].image("crosstalk")
    found = pulls(matrix, truth)
    # Of 240 coefficients 0.65 are expected beyond three errors; more than 4 come once in a thousand times.
    assert np.count_nonzero(np.abs(found) > 3) <= 4
    assert np.abs(found).max() < 4.6
    assert found.std() == pytest.approx(1.0, abs=0.2)
    # Neighbours are far above the error of 3e-5; most others, 2e-5, are not.
    assert matrix.valid[truth > 1.5e-4].all()
    assert matrix.counts[OTHERS].min() >= 50


def test_the_table_is_as_ip_isr_reads_it(night, table):
    assert len(table) == 1
    names = {"CT_COEFFS", "CT_ERRORS", "CT_COUNTS", "CT_VALID", "CT_COEFFS_SQR", "CT_ERRORS_SQR"}
    assert {*names, "CT_AMP_GAIN_RATIOS", "CT_FIT_GAINS"} <= set(table.colnames)
    assert table["CT_COEFFS"].shape == (1, 256)
    cards = table.meta
    assert (cards["OBSTYPE"], cards["CROSSTALK_SCHEMA"], cards["CROSSTALK_VERSION"]) == (
        "CROSSTALK",
        "Gen3 Crosstalk",
        1.2,
    )
    assert (cards["INSTRUME"], cards["DETECTOR"], cards["DET_NAME"]) == ("LATISS", 0, "RXX_S00")
    assert cards["DET_SER"] == "ITL-3800C-068"
    assert cards["CROSSTALK_RATIOS_UNITS"] == "electron"
    assert cards["NAMP"] == 16
    assert cards["SEQNAME"] == "FP_ITL_2s_ir2_v26_no_RG.seq"
    assert cards["LSST CALIB RUN BIAS"] == "run/bias"
    exposures = [cards[f"CPP_INPUT_{index}"] for index in range(10)]
    assert exposures == ids(night[1], "stars")
    gains = [one.gain for one in night[1].amplifiers]
    np.testing.assert_allclose(table["CT_FIT_GAINS"][0], gains, rtol=1e-12)
    assert cards["CALPROD CROSSTALK SOURCE PIXELS C10"] > 100


def test_ratios_are_kept_where_asked_for(butler, table):
    ratios = butler.get("crosstalkRatios", DATA_ID, collections="run/crosstalk")
    assert set(ratios.colnames) == {"exposure", "source", "target", "flux", "ratio"}
    pixels = sum(value for key, value in table.meta.items() if key.startswith(SOURCE_PIXELS))
    assert len(ratios) == 15 * pixels


def verified(butler, truth, run_of_matrix, *biases):
    outcome = run(
        butler,
        "verifyCrosstalk",
        [*ids(truth, "stars"), *ids(truth, "stars-2")],
        (run_of_matrix, *biases),
    )
    (ref,) = outcome.outputs["verifyCrosstalkStatistics"]
    (matrix,) = outcome.outputs["verifyCrosstalkMatrix"]
    record = DetectorStatistics.model_validate(butler.get(ref))
    return record, butler.get(matrix)


def test_the_matrix_is_verified_on_exposures_that_did_not_make_it(night, butler):
    (candidate,) = butler.query_datasets("crosstalk", collections="run/crosstalk")
    record, rows = verified(butler, night[1], "run/crosstalk", "run/bias")
    assert record.calibration_uuids["crosstalk"] == str(candidate.id)
    assert set(record.calibration_uuids) == {"bias", "crosstalk"}
    assert record.product_detector["N_HELD_OUT"] == record.product_detector["N_EXPOSURES"] == 6
    verdict = evaluate(
        [record], builtin_policy("LATISS"), calibration="crosstalk", candidates={0: str(candidate.id)}
    )
    assert verdict.outcome is VerdictOutcome.VERIFIED
    assert not verdict.failures
    assert len(rows) == 240
    assert len(set(rows["coefficient"])) == 240
    # Neighbours have 3e-4 on average; what is left of them is their error.
    near = rows[rows["coefficient"] > 1.5e-4]
    assert abs(near["residual"].mean()) < 0.06 * near["coefficient"].mean()


def test_the_figures_of_a_stored_table_are_drawn(table):
    assert len(figures(table)) == 2


def test_a_quadratic_term_is_found_in_raws(tmp_path):
    crosstalk = {"neighbour": 3e-4, "other": 2e-5, "scatter": 0.3, "quadratic": 4e-9}
    spots = {"peak": [40_000.0, 110_000.0]}
    truth = make(tmp_path, stars(10, crosstalk=crosstalk, spots=spots, bias_structure=None))
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        run(butler, "crosstalk", ids(truth, "stars"), flux_order=1)
        matrix = matrix_from_crosstalk(butler.get("crosstalk", DATA_ID, collections="run/crosstalk"))
    linear, quadratic = truth.image("crosstalk"), truth.image("crosstalk-quadratic")
    found = pulls(matrix, linear)
    assert np.count_nonzero(np.abs(found) > 3) <= 4
    errors = matrix.quadratic_standard_errors[OTHERS]
    square = (matrix.quadratic - quadratic)[OTHERS] / errors
    assert np.count_nonzero(np.abs(square) > 3) <= 4
    assert square.std() == pytest.approx(1.0, abs=0.25)
    strong = quadratic[OTHERS] > 3e-9
    assert (matrix.quadratic[OTHERS][strong] / errors[strong]).mean() > 2


def test_bad_exposures_and_a_dead_amplifier_harm_no_other(tmp_path):
    faults = (
        {"fault": "nan", "index": 1, "fraction": 0.02},
        {"fault": "saturated", "index": 2},
        {"fault": "dead-amplifier", "index": list(range(8)), "amplifier": "C05"},
    )
    # Eight stars are few against the structure of the bias, which their amplifiers' corners hold.
    truth = make(tmp_path, stars(8, faults=faults, bias_structure=None))
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        run(butler, "crosstalk", ids(truth, "stars"))
        matrix = matrix_from_crosstalk(butler.get("crosstalk", DATA_ID, collections="run/crosstalk"))
    dead = matrix.amplifiers.index("C05")
    assert np.isnan(matrix.coefficients[dead]).all()
    assert not matrix.counts[dead].any()
    alive = OTHERS.copy()
    alive[dead] = False
    found = ((matrix.coefficients - truth.image("crosstalk")) / matrix.standard_errors)[alive]
    assert np.isfinite(found).all()
    assert np.count_nonzero(np.abs(found) > 3) <= 4


def test_exposures_without_bright_pixels_give_a_matrix_of_nothing(tmp_path):
    truth = make(tmp_path, stars(2, spots={"peak": [1000.0, 2000.0]}))
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        run(butler, "crosstalk", ids(truth, "stars"))
        table = butler.get("crosstalk", DATA_ID, collections="run/crosstalk")
        matrix = matrix_from_crosstalk(table)
        assert np.isnan(matrix.coefficients).all()
        assert not matrix.valid.any()
        # What cannot be told is written and read again as it was.
        again = matrix_from_crosstalk(matrix_to_table(matrix))
        assert np.isnan(again.coefficients).all()
        record, _ = verified(butler, truth, "run/crosstalk")
    verdict = evaluate([record], builtin_policy("LATISS"), calibration="crosstalk")
    assert verdict.outcome is VerdictOutcome.COULD_NOT_RUN
    assert not verdict.failures
    assert {"NO_SIGNIFICANT_DETECTION", "RESIDUAL"} <= {one.test for one in verdict.could_not_run}
    listed = table.meta["CALPROD CROSSTALK WITHOUT SOURCES"]
    assert listed == ", ".join(str(one) for one in ids(truth, "stars"))
