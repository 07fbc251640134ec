"""A night of dithered star fields, from raws in a repository to a matrix and its verdict."""

from collections.abc import Iterator

import numpy as np
import pytest
from lsst.daf.butler import Butler

from infra.butler.repository import open_butler
from infra.settings import builtin_policy
from infra.simulator import load_night_spec
from infra.simulator.specification import NightSpec
from tasks.isr.tables import matrix_from_crosstalk
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.crosstalk.pipelines import make, pulls, run

pytestmark = pytest.mark.slow

DATA_ID = {"instrument": "LATISS", "detector": 0}
SMALL = {"growth": 10, "mesh": 64}
"""The amplifiers are small and full of stars."""


def star_night():
    """Return the night of stars with six fields, of which three are for verification."""
    plain = load_night_spec("stars").model_dump(mode="json", exclude_defaults=True)
    first, later = plain["sets"]
    fields = [{**first, "name": f"stars-{letter}", "count": 5} for letter in "abc"]
    fields += [{**later, "name": f"later-{letter}", "count": 4} for letter in "abc"]
    for one in fields:
        # Taken for another reason: what makes them fit is in their pixels.
        one["reason"] = "survey"
        one["stars"] = {**one["stars"], "count": 220}
    biases = {"name": "bias", "type": "bias", "count": 8}
    return NightSpec.model_validate({**plain, "sets": [*fields, biases]})


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    root = tmp_path_factory.mktemp("star-night")
    return root, make(root, star_night())


def ids(truth, *names):
    return [one.exposure for name in names for one in truth.exposures_of(name)]


MADE_OF = [f"stars-{letter}" for letter in "abc"]
HELD_OUT = [f"later-{letter}" for letter in "abc"]


@pytest.fixture(scope="module")
def butler(night) -> Iterator[Butler]:
    root, truth = night
    with open_butler(root / "repo", writeable=True) as one:
        run(one, "bias", ids(truth, "bias"))
        run(one, "crosstalk", ids(truth, *MADE_OF), ("run/bias",), **SMALL)
        yield one


@pytest.fixture(scope="module")
def table(butler):
    return butler.get("crosstalk", DATA_ID, collections="run/crosstalk")


def test_coefficients_of_star_fields_are_within_their_errors(night, table):
    matrix, truth = matrix_from_crosstalk(table), night[1].image("crosstalk")
    found = pulls(matrix, truth)
    found = found[np.isfinite(found)]
    assert found.size > 215
    # χ² of 200 scatters by 10 %: four of that, and the tails that the error of few sources has.
    assert np.mean(found**2) < 1.5
    assert abs(found.mean()) < 0.28
    assert np.abs(found).max() < 5.5
    assert matrix.valid[(truth > 2.5e-4) & np.isfinite(matrix.coefficients)].mean() > 0.8
    assert table.meta["CALPROD CROSSTALK SOURCES C10"] > 10


def test_the_matrix_of_star_fields_is_verified_on_other_fields(night, butler):
    (candidate,) = butler.query_datasets("crosstalk", collections="run/crosstalk")
    exposures = ids(night[1], *MADE_OF, *HELD_OUT)
    outcome = run(butler, "verifyCrosstalk", exposures, ("run/crosstalk", "run/bias"), **SMALL)
    (ref,) = outcome.outputs["verifyCrosstalkStatistics"]
    record = DetectorStatistics.model_validate(butler.get(ref))
    assert record.product_detector["N_HELD_OUT"] == record.product_detector["N_EXPOSURES"] == 12
    verdict = evaluate(
        [record], builtin_policy("LATISS"), calibration="crosstalk", candidates={0: str(candidate.id)}
    )
    assert not verdict.failures, [(one.test, one.reason) for one in verdict.failures]
    assert verdict.outcome in (VerdictOutcome.VERIFIED, VerdictOutcome.COULD_NOT_RUN)
    assert record.product_detector["SCALE"] == pytest.approx(1.0, abs=0.25)
