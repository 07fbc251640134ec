"""The verdict on a matrix by frames of stars: a wrong one fails by the name of what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest

from infra.settings import builtin_policy
from tasks.crosstalk.algorithm import SolveSettings, extract_ratios, solve_crosstalk
from tasks.crosstalk.steps.residual import compare, source_fluxes
from tasks.crosstalk.verify import product_measurement
from tasks.isr.crosstalk import subtract_crosstalk
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, VerdictOutcome
from tests.crosstalk.star_fields import EXTRACTION, LAYOUT, OTHERS, Field, observed, ratios_of

POLICY = builtin_policy("LATISS")
UUID = "5b9f1f0e-0000-4000-8000-000000000002"
FIELD = Field(bright=60)
NEIGHBOURS = 3e-4 * np.exp(0.4 * np.random.default_rng(30).normal(0.0, 1.0, (16, 16)))
TRUTH = np.where(OTHERS & (np.abs(np.subtract.outer(np.arange(16), np.arange(16))) < 3), NEIGHBOURS, 0.0)
"""Crosstalk of the two next amplifiers to either side, which no more than resembles its own transpose."""


@pytest.fixture(scope="module")
def frames():
    random = np.random.default_rng(31)
    return [observed(random, FIELD, TRUTH) for _ in range(8)]


@pytest.fixture(scope="module")
def matrix():
    given = ratios_of(32, 8, FIELD, matrix=TRUTH)
    return solve_crosstalk(given, SolveSettings(fewest=50)).matrix


def verdict_of(candidate, frames):
    linear, _ = candidate.for_image(LAYOUT, "electron")
    again = []
    for one in frames:
        corrected = replace(one, image=one.image.copy())
        segments = {amp.name: corrected.image[amp.image_box.slices] for amp in LAYOUT.amplifiers}
        subtract_crosstalk(segments, LAYOUT.amplifiers, linear)
        again.append(extract_ratios(corrected, LAYOUT, EXTRACTION))
    measured = solve_crosstalk(again, SolveSettings(fewest=50)).matrix
    residual = compare(candidate, measured, source_fluxes(again), LAYOUT, quadratic=False)
    product = product_measurement(candidate, residual, LAYOUT, n_exposures=8, n_held_out=8)
    record = DetectorStatistics(
        calibration="crosstalk",
        detector=0,
        product_amplifiers=dict(product.amplifiers),
        product_detector=dict(product.detector),
        product_problems=dict(product.problems),
        calibration_uuids={"crosstalk": UUID},
    )
    return evaluate([record], POLICY, calibration="crosstalk", candidates={0: UUID}, day_obs=20240318)


def failed(verdict):
    return {one.test for one in verdict.failures}


def test_a_matrix_from_stars_passes_on_other_stars(matrix, frames):
    verdict = verdict_of(matrix, frames)
    assert verdict.outcome is VerdictOutcome.VERIFIED, failed(verdict)


def test_a_transposed_matrix_fails_by_its_orientation(matrix, frames):
    names = ("coefficients", "errors", "counts", "valid")
    turned = replace(matrix, **{name: getattr(matrix, name).T for name in names})
    verdict = verdict_of(turned, frames)
    assert {"ORIENTATION", "NO_SIGNIFICANT_DETECTION"} <= failed(verdict)


def test_a_matrix_of_wrong_sign_fails_and_its_scale_says_why(matrix, frames):
    verdict = verdict_of(replace(matrix, coefficients=-matrix.coefficients), frames)
    assert "NO_SIGNIFICANT_DETECTION" in failed(verdict)
    assert "ORIENTATION" not in failed(verdict)
    assert "SCALE" in {one.test for one in verdict.warnings}


def test_a_matrix_of_nothing_leaves_what_the_stars_show(matrix, frames):
    nothing = np.full(matrix.coefficients.shape, np.nan)
    blank = replace(matrix, coefficients=nothing, errors=nothing, valid=np.zeros_like(matrix.valid))
    verdict = verdict_of(blank, frames[:2])
    assert failed(verdict) == {"RESIDUAL"}
    assert "NO_SIGNIFICANT_DETECTION" in {one.test for one in verdict.could_not_run}
