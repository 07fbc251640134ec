"""The linearizer as a value, a table, plain values, an ECSV and a FITS file; what corrections make of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.instruments.layout import Box
from tasks.isr.linearity import linearized
from tasks.isr.lookup_columns import join_lookup, split_lookup
from tasks.isr.tables import corrections_from_linearizer
from tasks.linearity.algorithm import LinearitySettings, PolynomialSettings, solve_linearity
from tasks.linearity.solution.dataset import (
    linearizer_from_dict,
    linearizer_from_table,
    linearizer_to_dict,
    linearizer_to_table,
)
from tests.linearity.ramps import detector_ramp

COLUMNS = """AMPLIFIER_NAME INPUT_GAIN INPUT_TURNOFF TYPE COEFFS BBOX_X0 BBOX_Y0 BBOX_DX BBOX_DY INP_ABSCISSA
INP_ORDINATE INP_MASK INP_GROUPING_INDEX INP_NORMALIZATION FIT_PARAMS FIT_PARAMS_ERR RED_CHI_SQ FIT_RES
FIT_RES_SIGMAD FIT_RES_UNMASKED FIT_RES_MODEL LIN_FIT LINEARITY_TURNOFF LINEARITY_MAX_SIGNAL ABS_REF_AMP"""


@pytest.fixture(scope="module", params=["Squared", "LookupTable", "Spline", "DoubleSpline"])
def linearizer(request):
    ramp, binned, _ = detector_ramp(1)
    amplifiers = tuple(
        replace(one, box=Box(509 * i, 0, 509, 2000), bad="no gain" if i == 2 else None)
        for i, one in enumerate(ramp.amplifiers)
    )
    settings = LinearitySettings(request.param, polynomial=PolynomialSettings(maximum=1.2e5, n_table=2**14))
    provenance = {"PTC_RUN": "u/ptc/run", "PTC_UUID": "0190"}
    return solve_linearity(replace(ramp, amplifiers=amplifiers), settings, binned=binned, metadata=provenance)


def assert_equal(one, two):
    assert one.detector == two.detector
    assert one.reference_amplifier == two.reference_amplifier
    assert one.metadata == two.metadata
    assert one.reasons == two.reasons
    level = np.linspace(0, 4000, 50)
    for first, second in zip(one.amplifiers, two.amplifiers, strict=True):
        for name in ("name", "type", "box", "line", "turnoff", "input_gain", "reason"):
            assert getattr(first, name) == pytest.approx(getattr(second, name), nan_ok=True) or (
                getattr(first, name) == getattr(second, name)
            )
        for name in ("abscissa", "ordinate", "mask", "groups", "residuals", "residual_model"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        np.testing.assert_array_equal(
            linearized(level, one.correction(first.name)), linearized(level, two.correction(first.name))
        )


def test_the_columns_are_those_of_rubin(linearizer):
    """Rubin ip_isr, LINEARIZER v1.8."""
    table = linearizer_to_table(linearizer)
    assert set(COLUMNS.split()) <= set(table.colnames)
    own = {"REASON", "REMARKS"}
    own |= set() if linearizer.table is None else {f"LOOKUP_VALUES_00{i}" for i in range(4)}
    assert set(table.colnames) - set(COLUMNS.split()) == own
    meta = table.meta
    assert (meta["OBSTYPE"], meta["LINEARIZER_VERSION"], meta["FILTER"]) == ("LINEARIZER", 1.8, "NONE")
    assert (meta["HAS_LINEARITY"], meta["LINEARITY_UNITS"], meta["PTC_UUID"]) == (True, "adu", "0190")
    assert meta["HAS_TABLE"] == (linearizer.table is not None)
    assert linearizer.reasons == (("C12", "no gain"),)


def through_ecsv(table, path):
    """Without our code, as any reader of the Butler's files."""
    table.write(path / "linearizer.ecsv")
    return Table.read(path / "linearizer.ecsv")


def test_a_table_and_back(linearizer, tmp_path):
    table = linearizer_to_table(linearizer)
    assert_equal(linearizer_from_table(table), linearizer)
    assert_equal(linearizer_from_table(through_ecsv(table, tmp_path)), linearizer)


def test_the_corrections_read_what_is_written(linearizer, tmp_path):
    level = np.linspace(-5, 12_000, 300)
    table = through_ecsv(linearizer_to_table(linearizer), tmp_path)
    corrections = corrections_from_linearizer(table)
    assert list(corrections) == ["C10", "C11", "C12", "C13"]
    for name, correction in corrections.items():
        expected = linearized(level, linearizer.correction(name))
        np.testing.assert_array_equal(linearized(level, correction), expected)
        assert (expected == level).all() == (name == "C12")


def test_a_lookup_table_of_all_18_bits_can_be_read_from_ecsv(tmp_path):
    """As one cell for each amplifier it cannot: Python's csv refuses cells of more than 131072 characters."""
    lookup = np.linspace(-1234.5678, 9999.999, 2**18, dtype=np.float32)[None].repeat(2, axis=0)
    table = Table({"AMPLIFIER_NAME": ["C10", "C11"]} | split_lookup(lookup))
    again = join_lookup(through_ecsv(table, tmp_path))
    np.testing.assert_array_equal(again, lookup)
    assert join_lookup(table["AMPLIFIER_NAME",]) is None


def test_plain_values_and_back(linearizer):
    text = json.dumps(linearizer_to_dict(linearizer), allow_nan=False)
    assert_equal(linearizer_from_dict(json.loads(text)), linearizer)


def test_a_fits_file_and_back(linearizer, tmp_path):
    table = linearizer_to_table(linearizer)
    path = tmp_path / "linearizer.fits"
    table.meta = {key: value for key, value in table.meta.items() if len(key) <= 8} | {
        f"HIERARCH {key}": value for key, value in table.meta.items() if len(key) > 8
    }
    table.write(path)
    assert_equal(linearizer_from_table(Table.read(path, unit_parse_strict="silent")), linearizer)


def test_amplifiers_are_found_by_name(linearizer):
    assert linearizer.amplifier("C11").name == "C11"
    with pytest.raises(CalprodError, match="no amplifier C99, only C10, C11, C12, C13"):
        linearizer.amplifier("C99")
    with pytest.raises(CalprodError, match="twice"):
        replace(linearizer, amplifiers=linearizer.amplifiers * 2)


def test_a_missing_row_of_the_table_is_named(linearizer):
    if linearizer.table is None:
        return
    with pytest.raises(CalprodError, match="no row 0"):
        replace(linearizer, table=None).correction("C10")


def test_what_is_no_linearizer_is_refused(linearizer):
    plain = linearizer_to_dict(linearizer)
    with pytest.raises(CalprodError, match="no linearizer"):
        linearizer_from_dict({})
    with pytest.raises(CalprodError, match="OBSTYPE is 'PTC'"):
        linearizer_from_dict(plain | {"metadata": plain["metadata"] | {"OBSTYPE": "PTC"}})
    with pytest.raises(CalprodError, match=r"version 2\.0"):
        linearizer_from_dict(plain | {"metadata": plain["metadata"] | {"LINEARIZER_VERSION": "2.0"}})
    row = dict(plain["amplifiers"][0])
    with pytest.raises(CalprodError, match="unknown linearity type 'Cubic'"):
        linearizer_from_dict(plain | {"amplifiers": [row | {"TYPE": "Cubic"}]})
    del row["COEFFS"]
    with pytest.raises(CalprodError, match="no COEFFS"):
        linearizer_from_dict(plain | {"amplifiers": [row]})
