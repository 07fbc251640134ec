"""A curve of many pairs and lags, as the Butler stores it: cells of ECSV hold 131072 characters at most."""

import csv
from dataclasses import fields, replace

import numpy as np
import pytest
from lsst.daf.butler import DatasetType

from infra.butler.repository import create_repository, open_butler
from tasks.isr.tables import responses_from_ptc
from tasks.ptc.algorithm import SolveSettings, from_table, solve_curve, to_table
from tests.ptc.curves import exact_measurements
from tests.release.conftest import register_camera

N, SIDE = 100, 10
RUN = "LATISS/calib/DM-1/ptcGen/20240327T163518Z"


@pytest.fixture(scope="module")
def curve():
    """100 pairs with 10 x 10 covariances of random digits, none of which ECSV can leave out."""
    short = solve_curve(exact_measurements("C10") + exact_measurements("C11", gain=1.3), SolveSettings())
    rng = np.random.default_rng(7)

    def lengthened(one):
        covariances, sqrt_weights, model = -rng.random((3, N, SIDE, SIDE)) * 1e-107
        series = {
            field.name: np.resize(value, (N, 2)[: np.ndim(value)])
            for field in fields(one.series)
            if np.ndim(value := getattr(one.series, field.name)) in (1, 2)
        }
        lists = ("kept", "below_rolloff", "final_means", "final_variances", "final_model_variances")
        matrices = ("a_matrix", "a_matrix_error", "b_matrix", "noise_matrix")
        return replace(
            one,
            series=replace(one.series, **series, covariances=covariances, sqrt_weights=sqrt_weights),
            covariances_model=model,
            **{name: np.resize(getattr(one, name), N) for name in lists},
            **{name: rng.normal(size=(SIDE, SIDE)) for name in matrices},
        )

    amplifiers = tuple(lengthened(one) for one in short.amplifiers)
    return replace(short, matrix_side=SIDE, fit_side=SIDE, amplifiers=amplifiers)


@pytest.fixture(scope="module")
def stored(curve, tmp_path_factory):
    root = tmp_path_factory.mktemp("curve") / "repo"
    create_repository(root)
    with open_butler(root, writeable=True) as butler:
        register_camera(butler, detectors=(0,))
        kind = DatasetType(
            "ptc", ("instrument", "detector"), "AstropyTable", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(kind)
        butler.registry.registerRun(RUN)
        ref = butler.put(to_table(curve), kind, run=RUN, instrument="LATISS", detector=0)
        yield butler.get(ref)


def test_every_number_comes_back(curve, stored):
    found = from_table(stored)
    for one, other in zip(curve.amplifiers, found.amplifiers, strict=True):
        np.testing.assert_array_equal(other.series.covariances, one.series.covariances)
        np.testing.assert_array_equal(other.series.sqrt_weights, one.series.sqrt_weights)
        np.testing.assert_array_equal(other.covariances_model, one.covariances_model)
        np.testing.assert_array_equal(other.a_matrix, one.a_matrix)
        np.testing.assert_array_equal(other.series.means, one.series.means)
        np.testing.assert_array_equal(other.series.exposures, one.series.exposures)


def test_the_corrections_read_it(curve, stored):
    gains = {one.name: one.gain for one in curve.amplifiers}
    assert responses_from_ptc(stored).gains == gains


def test_long_columns_are_in_parts_and_short_ones_whole(curve, stored):
    assert csv.field_size_limit() == 131072  # nobody has raised it here, nor will other readers
    assert [stored[f"COVARIANCES_{part:03}"].shape for part in range(3)] == [(2, 4096), (2, 4096), (2, 1808)]
    assert "COVARIANCES" not in stored.colnames
    assert stored["RAW_MEANS"].shape == (2, N)
