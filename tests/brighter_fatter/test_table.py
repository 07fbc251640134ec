"""Kernels as a table: nothing is lost, in memory, in a file, and through a Butler."""

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import DatasetType

from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.errors import CalprodError
from infra.instruments.class_names import instrument_class_name
from tasks.brighter_fatter.algorithm import KernelSettings, Level, from_table, solve_kernels, to_table
from tasks.combine.priors import calibrations_of
from tests.brighter_fatter.curves import amplifier_curve, detector_curve
from tests.brighter_fatter.test_kernel import SIGNALS, modelled

FIELDS = ("used", "means", "variances", "covariances", "source", "kernel", "errors")


def kernels(level=Level.AMPLIFIER):
    amplifiers = (modelled(), modelled("C11", reason="no usable pixel"), modelled("C12"))
    return solve_kernels(
        detector_curve(*amplifiers), KernelSettings(level=level), {"DETECTOR": 3, "FILTER": "r"}
    )


def check_equal(found, expected):
    assert (found.level, found.matrix_side, found.is_valid) == (expected.level, 3, expected.is_valid)
    np.testing.assert_array_equal(found.kernel, expected.kernel)
    for one, other in zip(found.amplifiers, expected.amplifiers, strict=True):
        assert (one.name, one.gain, one.is_valid, one.reason) == (
            other.name,
            other.gain,
            other.is_valid,
            other.reason,
        )
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


@pytest.mark.parametrize("level", list(Level))
def test_nothing_is_lost(level):
    table = to_table(kernels(level))
    check_equal(from_table(table), kernels(level))
    assert table.meta["LEVEL"] == level.value
    assert table.meta["KERNEL_DX"] == table.meta["KERNEL_DY"] == 7
    assert (table.meta["OBSTYPE"], table.meta["BFK_VERSION"]) == ("BFK", 1.1)
    assert from_table(table).metadata["DETECTOR"] == 3


def test_matrices_lie_serial_lag_first():
    """Row by row of [serial lag][parallel lag]: the number after the centre's is the parallel neighbour."""
    kernel = kernels().amplifiers[0].kernel
    flat = np.asarray(to_table(kernels())["KERNEL"][0])
    assert flat.shape == (49,)
    assert flat[24] == kernel[3, 3]
    assert flat[25] == kernel[3, 4]
    assert flat[31] == kernel[4, 3]
    assert flat[25] > flat[31]  # four times the correlation along y: there the kernel is steeper


def test_through_a_file(tmp_path):
    path = tmp_path / "bfk.ecsv"
    to_table(kernels()).write(path)
    check_equal(from_table(Table.read(path)), kernels())


def test_through_a_butler_and_into_the_corrections(tmp_path):
    create_repository(tmp_path / "repo")
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        dataset_type = DatasetType(
            "bfk",
            ("instrument", "detector"),
            "AstropyTable",
            universe=butler.dimensions,
            isCalibration=True,
        )
        butler.registry.registerDatasetType(dataset_type)
        butler.collections.register("some/run")
        ref = butler.put(to_table(kernels()), "bfk", instrument="LATISS", detector=0, run="some/run")
        stored = butler.get(ref)
    check_equal(from_table(stored), kernels())
    applied = calibrations_of({"bfk": stored}).bfk
    np.testing.assert_allclose(applied.kernel, kernels().kernel, rtol=1e-12)
    assert applied.gains["C12"] == pytest.approx(1.3)


def test_many_levels_are_split_and_joined():
    n = 500
    means = np.linspace(20_000, 50_000, n)
    covariances = np.resize(modelled().series.covariances, (n, 3, 3))
    table = to_table(solve_kernels(detector_curve(amplifier_curve(means, covariances, gain=1.3))))
    assert "RAW_XCORRS_001" in table.colnames
    np.testing.assert_array_equal(from_table(table).amplifiers[0].covariances, covariances)
    assert SIGNALS.size == 13


def test_other_tables_are_refused():
    table = to_table(kernels())
    for change, match in (
        ({"OBSTYPE": "PTC"}, "'PTC' holds no brighter-fatter kernel"),
        ({"BFK_VERSION": 2.0}, "layout version 2.0"),
        ({"KERNEL_DX": 9}, "49 values is not 9 x 9"),
    ):
        other = table.copy()
        other.meta.update(change)
        with pytest.raises(CalprodError, match=match):
            from_table(other)
    del table["VALID"]
    with pytest.raises(CalprodError, match="no column VALID"):
        from_table(table)
    with pytest.raises(CalprodError, match="holds no brighter-fatter kernel"):
        from_table(Table())
