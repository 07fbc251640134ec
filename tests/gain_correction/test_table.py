"""The correction of gains as a table."""

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from tasks.gain_correction.algorithm import from_table, measure_gain_correction, to_table
from tasks.isr.tables_of_charge import adjustments_from_gain_correction
from tests.gain_correction.flats import LATISS, curve, factors, flat, light


@pytest.fixture(scope="module")
def correction():
    new = flat(light(), factors({3: 1 / 1.002, 9: 1.08}))
    return measure_gain_correction(
        new, flat(light()), curve(), LATISS, "LATISS", metadata={"INSTRUME": "LATISS", "FILTER": None}
    )


def test_the_table_has_the_names_of_ip_isr(correction):
    table = to_table(correction)
    assert table.colnames[:2] == ["AMP_NAME", "GAIN_ADJUSTMENT"]
    assert table.meta["OBSTYPE"] == "gainCorrection"
    assert table.meta["gainCorrection_SCHEMA"] == "GainCorrection"
    assert table.meta["gainCorrection_VERSION"] == 1.0
    assert table.meta["FILTER"] == ""


def test_nothing_is_lost_on_the_way_to_a_file_and_back(correction, tmp_path):
    path = tmp_path / "table.ecsv"
    to_table(correction).write(path)
    found = from_table(Table.read(path))
    assert found.adjustments == correction.adjustments
    assert found.reasons == correction.reasons
    assert (found.reference, found.middle) == (correction.reference, correction.middle)
    for one, other in zip(found.amplifiers, correction.amplifiers, strict=True):
        assert (one.error, one.n_bins) == (other.error, other.n_bins)
        np.testing.assert_array_equal(one.picture, other.picture)


def test_the_corrections_read_the_same_factors(correction):
    assert adjustments_from_gain_correction(to_table(correction)) == correction.adjustments


def test_a_table_of_ip_isr_alone_is_read_too():
    table = Table({"AMP_NAME": ["C10", "C11"], "GAIN_ADJUSTMENT": [1.0, 0.998]})
    table.meta["OBSTYPE"] = "gainCorrection"
    found = from_table(table)
    assert found.adjustments == {"C10": 1.0, "C11": 0.998}
    assert not found.reasons


def test_other_tables_are_refused(correction):
    with pytest.raises(CalprodError, match="is no gain_correction"):
        from_table(Table({"AMP_NAME": ["C10"], "GAIN_ADJUSTMENT": [1.0]}, meta={"OBSTYPE": "PTC"}))
    table = to_table(correction)
    del table["GAIN_ADJUSTMENT"]
    with pytest.raises(CalprodError, match="no column GAIN_ADJUSTMENT"):
        from_table(table)
