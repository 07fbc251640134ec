"""The product as a table: the reference's columns, there and back, through ECSV and FITS."""

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from astropy.io.fits.verify import VerifyWarning
from astropy.table import Table

from infra.errors import CalprodError
from tasks.ptc.algorithm import FitType, SolveSettings, from_table, solve_curve, to_table
from tests.ptc.curves import exact_measurements

COLUMNS = set(
    """
    AMPLIFIER_NAME PTC_FIT_TYPE COV_MATRIX_SIDE COV_MATRIX_SIDE_FULL_COV_FIT INPUT_EXP_ID_PAIRS
    INPUT_EXP_PAIR_MJD_START EXP_ID_MASK EXP_ID_ROLLOFF_MASK RAW_EXP_TIMES RAW_MEANS RAW_VARS RAW_DELTAS
    ROW_MEAN_VARIANCE GAIN GAIN_ERR GAIN_UNADJUSTED GAIN_LIST NOISE NOISE_ERR NOISE_LIST OVERSCAN_MEDIAN
    OVERSCAN_MEDIAN_SIGMA OVERSCAN_MEDIAN_LIST HIST_VARS HIST_CHI2_DOFS KS_PVALUES PTC_FIT_PARS
    PTC_FIT_PARS_ERROR PTC_FIT_CHI_SQ PTC_TURNOFF PTC_TURNOFF_SAMPLING_ERROR PTC_ROLLOFF PTC_ROLLOFF_ERROR
    PTC_ROLLOFF_TAU PTC_ROLLOFF_TAU_ERROR A_MATRIX B_MATRIX NOISE_MATRIX BAD_AMPS PHOTO_CHARGE
    PHOTO_CHARGE_DELTAS AMP_OFFSETS NPIXEL_COVARIANCES COVARIANCES COVARIANCES_MODEL COVARIANCES_SQRT_WEIGHTS
    FINAL_VARS FINAL_MODEL_VARS FINAL_MEANS
    """.split()  # noqa: SIM905  a list of fifty strings is no easier to read
)
"""Columns of ip_isr's PTC layout, version 2.6."""


def curve(bad=False, fit_type=FitType.FULL):
    rows = exact_measurements("C10") + [
        replace(one, reason="no usable pixel" if bad else None) for one in exact_measurements("C11", gain=1.3)
    ]
    rows = [
        replace(one, pair=replace(one.pair, auxiliary=(("CCDTEMP", -95.0 + one.pair.exposure_time),)))
        for one in rows
    ]
    return solve_curve(
        rows, SolveSettings(fit_type, fit_side=2), {"INSTRUME": "LATISS", "DETECTOR": 0, "FILTER": None}
    )


def assert_equal(one, other):
    """All fields of two values are equal, NaN to NaN."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if hasattr(a, "__dataclass_fields__"):
            assert_equal(a, b)
        elif isinstance(a, np.ndarray | float):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        else:
            assert a == b, field.name


def through_ecsv(table, path):
    table.write(path / "ptc.ecsv")
    return Table.read(path / "ptc.ecsv")


def through_fits(table, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)  # keys longer than eight letters
        table.write(path / "ptc.fits")
    return Table.read(path / "ptc.fits")


@pytest.mark.parametrize(
    "store", [lambda table, path: table, through_ecsv, through_fits], ids=["", "ECSV", "FITS"]
)
@pytest.mark.parametrize("bad", [False, True], ids=["good", "one bad"])
def test_there_and_back(tmp_path, store, bad):
    original = curve(bad)
    found = from_table(store(to_table(original), tmp_path))
    assert found.fit_type is original.fit_type
    assert (found.matrix_side, found.fit_side) == (3, 2)
    assert found.bad_amplifiers == original.bad_amplifiers == (("C11",) if bad else ())
    for one, other in zip(original.amplifiers, found.amplifiers, strict=True):
        assert_equal(one, other)
    np.testing.assert_array_equal(found.auxiliary["CCDTEMP"], original.auxiliary["CCDTEMP"])
    assert found.metadata["INSTRUME"] == "LATISS"


def test_columns_are_those_of_the_reference():
    table = to_table(curve(bad=True))
    assert COLUMNS - set(table.colnames) == set()
    extra = set(table.colnames) - COLUMNS
    assert extra == {"A_MATRIX_ERROR", "BAD_REASON", "REMARKS", "PTCAUX_CCDTEMP"}
    assert table.meta["OBSTYPE"] == "PTC"
    assert table.meta["PTC_VERSION"] == 2.6
    assert table.meta["PTC_FIT_TYPE"] == "FULLCOVARIANCE"
    assert table.meta["FILTER"] == ""
    assert table["INPUT_EXP_ID_PAIRS"].shape == (2, 30, 2)
    assert table["COVARIANCES"].shape == (2, 30 * 9)
    assert table["COVARIANCES_MODEL"].shape == (2, 30 * 4)
    assert table["A_MATRIX"].shape == (2, 4)
    assert table["BAD_AMPS"].tolist() == [["C11"], ["C11"]]
    assert table["EXP_ID_MASK"].dtype == bool


def test_the_rolloff_scale_has_a_column_of_its_own():
    """In ip_isr's dict form it may be written over the rolloff; in our table both stand."""
    table = to_table(curve())
    table["PTC_ROLLOFF_TAU"], table["PTC_ROLLOFF"] = -1000.0, 70_000.0
    one = from_table(table).amplifiers[0]
    assert (one.rolloff, one.rolloff_tau) == (70_000.0, -1000.0)


def test_a_table_without_our_own_columns_is_read():
    table = to_table(curve(bad=True))
    table.remove_columns(["A_MATRIX_ERROR", "BAD_REASON", "REMARKS"])
    found = from_table(table)
    assert found.bad_amplifiers == ("C11",)
    assert found.amplifier("C11").reason == "in the list of bad amplifiers"


def test_foreign_tables_are_refused():
    table = to_table(curve())
    with pytest.raises(CalprodError, match="no photon transfer curve"):
        from_table(Table({"x": [1]}))
    older = table.copy()
    older.meta["PTC_VERSION"] = 1.3
    with pytest.raises(CalprodError, match=r"layout version 1\.3"):
        from_table(older)
    table.remove_column("GAIN")
    with pytest.raises(CalprodError, match="lacks GAIN"):
        from_table(table)
