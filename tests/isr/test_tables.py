"""Tables that the rooms write and a Butler's users read, as the corrections take them."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.instruments.layout import Box
from tasks.crosstalk.algorithm import matrix_to_table
from tasks.defects.steps.model import Defect, DefectReason
from tasks.defects.steps.tables import defects_to_region_table, defects_to_table
from tasks.isr.calibrations import UNKNOWN_TURNOFF
from tasks.isr.linearity import linearized
from tasks.isr.tables import (
    boxes_from_defects,
    cards_of_table,
    corrections_from_linearizer,
    matrix_from_crosstalk,
    responses_from_linearizer,
    responses_from_ptc,
)
from tasks.linearity.algorithm import LinearitySettings, solve_linearity
from tasks.linearity.solution.dataset import linearizer_to_table
from tasks.ptc.algorithm import FitType, SolveSettings, solve_curve, to_table
from tests.isr.raws import LAYOUT
from tests.isr.signatures import matrix
from tests.linearity.ramps import detector_ramp
from tests.ptc.curves import exact_measurements


@pytest.fixture(params=["as made", "through ECSV"])
def stored(request, tmp_path):
    """Return what a reader gets of a table."""

    def through(table: Table) -> Table:
        if request.param == "as made":
            return table
        table.write(tmp_path / "table.ecsv", overwrite=True)
        return Table.read(tmp_path / "table.ecsv")

    return through


def curve(bad=None):
    rows = exact_measurements("C10") + [
        replace(one, reason=bad) for one in exact_measurements("C11", gain=1.3)
    ]
    return solve_curve(rows, SolveSettings(FitType.EXPONENTIAL, fit_side=1), {"DETECTOR": 0})


def test_a_curve_gives_the_responses_of_its_amplifiers(stored):
    solved = curve()
    responses = responses_from_ptc(stored(to_table(solved)))
    assert responses.bad == ()
    assert responses.source == "ptc"
    for name in ("C10", "C11"):
        one = solved.amplifier(name)
        assert responses.gains[name] == pytest.approx(one.gain, rel=1e-12)
        assert responses.read_noises[name] == pytest.approx(one.noise, rel=1e-12)
        assert responses.turnoffs[name] == pytest.approx(one.turnoff, rel=1e-12)


def test_a_bad_amplifier_of_a_curve_is_harmless_and_bad(stored):
    responses = responses_from_ptc(stored(to_table(curve("no usable pixel"))))
    assert responses.bad == ("C11",)
    assert (responses.gains["C11"], responses.read_noises["C11"]) == (1.0, 1.0)
    assert responses.turnoffs["C11"] == UNKNOWN_TURNOFF
    assert np.isfinite(responses.gains["C10"])


@pytest.mark.parametrize("kind", ["Squared", "Spline"])
def test_a_linearizer_gives_the_correction_of_each_amplifier(stored, kind):
    ramp, binned, _ = detector_ramp(1)
    dead = tuple(replace(one, bad="no gain" if i == 2 else None) for i, one in enumerate(ramp.amplifiers))
    solved = solve_linearity(replace(ramp, amplifiers=dead), LinearitySettings(kind), binned=binned)
    table = stored(linearizer_to_table(solved))
    corrections, level = corrections_from_linearizer(table), np.linspace(0.0, 50_000.0, 101)
    assert list(corrections) == [one.name for one in solved.amplifiers]
    for name, correction in corrections.items():
        np.testing.assert_allclose(
            linearized(level, correction), linearized(level, solved.correction(name)), rtol=1e-12
        )
    assert corrections[dead[2].name].type == "None"
    responses = responses_from_linearizer(table)
    assert responses.source == "linearizer"
    assert responses.gains[dead[0].name] == pytest.approx(solved.amplifiers[0].input_gain)


def test_a_matrix_knows_its_amplifiers_again(stored):
    made = matrix()
    read = matrix_from_crosstalk(stored(matrix_to_table(made)))
    assert (read.amplifiers, read.unit) == (made.amplifiers, made.unit)
    np.testing.assert_array_equal(read.coefficients, made.coefficients)
    np.testing.assert_array_equal(read.for_image(LAYOUT, "adu")[0], made.for_image(LAYOUT, "adu")[0])


def test_a_table_of_rubin_names_no_amplifiers_and_fits_by_their_number(stored):
    table = matrix_to_table(matrix())
    del table.meta["AMPLIFIERS"]
    read = matrix_from_crosstalk(stored(table))
    np.testing.assert_array_equal(read.for_image(LAYOUT, "adu")[0], matrix().for_image(LAYOUT, "adu")[0])
    few = replace(LAYOUT, amplifiers=LAYOUT.amplifiers[:8])
    with pytest.raises(CalprodError, match="take the matrix of detector 0"):
        read.for_image(few, "electron")


@pytest.mark.parametrize("write", [defects_to_table, defects_to_region_table])
def test_defects_are_boxes_again(stored, write):
    boxes = (Box(3, 5, 1, 1), Box(0, 7, 4, 2), Box(30, 0, 1, 60))
    table = stored(write([Defect(box, DefectReason.HOT) for box in boxes]))
    assert boxes_from_defects(table) == boxes


@pytest.mark.parametrize("write", [defects_to_table, defects_to_region_table])
def test_no_defects_are_no_boxes(stored, write):
    assert boxes_from_defects(stored(write([]))) == ()


def test_cards_leave_out_what_is_no_card():
    table = Table({"x": [1]}, meta={"SEQNAME": "v26", "SHAPE": [16, 16], "DETECTOR": 0, "FILTER": None})
    assert cards_of_table(table) == {"SEQNAME": "v26", "DETECTOR": 0, "FILTER": None}


def test_tables_of_another_kind_are_refused():
    with pytest.raises(CalprodError, match="OBSTYPE 'CROSSTALK' is no ptc"):
        responses_from_ptc(matrix_to_table(matrix()))
    with pytest.raises(CalprodError, match="OBSTYPE None is no linearizer"):
        corrections_from_linearizer(Table({"AMPLIFIER_NAME": ["C10"]}))
    table = to_table(curve())
    table.remove_column("NOISE")
    with pytest.raises(CalprodError, match="the ptc has no column NOISE"):
        responses_from_ptc(table)


def test_a_linearizer_with_an_unknown_type_or_without_its_table_is_refused():
    table = Table(
        {"AMPLIFIER_NAME": ["C10"], "TYPE": ["Cubic"], "COEFFS": [[0.0, 0.0]]},
        meta={"OBSTYPE": "LINEARIZER"},
    )
    with pytest.raises(CalprodError, match=r"C10 of a linearizer has the unknown type 'Cubic'.*Squared"):
        corrections_from_linearizer(table)
    table["TYPE"] = ["LookupTable"]
    with pytest.raises(CalprodError, match="no row 0 of a lookup table for amplifier C10"):
        corrections_from_linearizer(table)


def test_a_read_noise_that_the_curve_does_not_tell_is_that_of_the_overscan(stored):
    table = to_table(curve())
    table["NOISE"] = [8.0, 12.7]
    table["NOISE_ERR"] = [0.1, 2.2]
    table["NOISE_LIST"] = [[7.0, 7.5, 8.0], [6.4, 6.5, np.nan]]
    responses = responses_from_ptc(stored(table))
    assert responses.read_noises["C10"] == 8.0  # known to 1.3 %
    # A Gaussian's variance is 1.0273934695 of what a clip at 3 sigma leaves of it.
    unclipped = 6.45 * np.sqrt(1.0273934695)
    assert responses.read_noises["C11"] == pytest.approx(unclipped * responses.gains["C11"], rel=1e-9)
    table["NOISE_LIST"] = [[7.0], [np.nan]]  # nothing better is known
    assert responses_from_ptc(stored(table)).read_noises["C11"] == 12.7
