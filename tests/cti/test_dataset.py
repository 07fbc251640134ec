"""The table of the CTI comes back as it was written: YAML, ECSV, FITS, and through a Butler."""

from dataclasses import fields, replace

import numpy as np
import pytest
import yaml
from astropy.table import Table

from infra.errors import CalprodError
from tasks.cti.algorithm import CtiSolution, cti_from_table, cti_to_table, solve_amplifier
from tasks.cti.register.model import RegisterParameters
from tasks.cti.solution.dataset import cti_from_dict, cti_to_dict
from tasks.isr.cti import Trap
from tasks.isr.tables_of_charge import deferred_charge_from_cti
from tests.cti.fixtures import ITL, simulated_levels

NAMES = ("C10", "C11", "C12", "C13")


@pytest.fixture(scope="module")
def solution():
    """Amplifiers with a spline trap, without any trap, with another kind of trap, and bad."""
    truth = RegisterParameters(1e-6, 1.8e-4, 2.4, 8.0, 0.05, 0.5)
    levels = simulated_levels(truth, np.geomspace(100, 145_000, 20))
    spline = replace(solve_amplifier(levels, ITL), name="C10")
    missing = replace(spline, name="C11", trap=None)
    logistic = replace(
        spline, name="C12", trap=Trap("logistic", 12.0, 1.5, np.array([500.0, 4e-3]), 3), at_bound=("CTI",)
    )
    few = simulated_levels(truth, np.array([500.0, 900.0]))
    bad = replace(solve_amplifier(replace(few, gain=np.nan), ITL), name="C13")
    assert bad.is_bad
    return CtiSolution(
        7, (spline, missing, logistic, bad), {"INSTRUME": "LATISS", "CPP_INPUT_0": 2024031800001}
    )


def assert_same(found, expected):
    assert (found.detector, found.metadata) == (expected.detector, expected.metadata)
    for one, other in zip(found.amplifiers, expected.amplifiers, strict=True):
        for field in fields(one):
            if field.name == "trap":
                continue
            if field.name.startswith("trail") and other.is_bad:
                continue
            np.testing.assert_array_equal(
                getattr(one, field.name), getattr(other, field.name), err_msg=f"{one.name} {field.name}"
            )
        assert (one.trap is None) == (other.trap is None), one.name
        if one.trap is not None:
            for field in fields(one.trap):
                np.testing.assert_array_equal(getattr(one.trap, field.name), getattr(other.trap, field.name))


def test_columns_are_those_of_ip_isr(solution):
    table = cti_to_table(solution)
    rubin = {"AMPLIFIER", "DRIFT_SCALE", "DECAY_TIME", "GLOBAL_CTI", "SIGNALS", "INPUT_GAIN", "SERIAL_EPER"}
    rubin |= {"PARALLEL_EPER", "SERIAL_CTI_TURNOFF", "SERIAL_CTI_TURNOFF_SAMPLING_ERR"}
    rubin |= {"PARALLEL_CTI_TURNOFF", "PARALLEL_CTI_TURNOFF_SAMPLING_ERR"}
    rubin |= {"SIZE", "EMISSION_TIME", "PIXEL", "TYPE", "COEFFS"}
    assert rubin <= set(table.colnames)
    meta = table.meta
    assert (meta["OBSTYPE"], meta["CTI_SCHEMA"], meta["CTI_VERSION"]) == ("CTI", "Deferred Charge", 1.3)
    assert table["TYPE"].tolist() == ["spline", "None", "logistic", "linear"]
    assert np.isnan(table["COEFFS"][2][2:]).all()


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize("format", ["ascii.ecsv", "fits"])
def test_a_file_gives_it_back(solution, tmp_path, format):
    path = tmp_path / "cti"
    cti_to_table(solution).write(path, format=format)
    assert_same(cti_from_table(Table.read(path, format=format)), solution)


def test_yaml_gives_it_back(solution):
    text = yaml.safe_dump(cti_to_dict(solution))
    assert_same(cti_from_dict(yaml.safe_load(text)), solution)


def test_the_correction_reads_what_was_solved(solution, tmp_path):
    path = tmp_path / "cti"
    cti_to_table(solution).write(path, format="ascii.ecsv")
    found = deferred_charge_from_cti(Table.read(path, format="ascii.ecsv"))
    assert tuple(found) == NAMES
    for one in solution.amplifiers:
        expected, charge = one.deferred_charge, found[one.name]
        assert (charge.drift_scale, charge.decay_time, charge.gain, charge.global_cti) == (
            expected.drift_scale,
            expected.decay_time,
            expected.gain,
            expected.global_cti,
        )
    assert found["C11"].trap is None
    assert found["C13"].trap is None
    np.testing.assert_array_equal(found["C10"].trap.coefficients, solution.amplifiers[0].trap.coefficients)


def spoiled(solution, change):
    table = cti_to_table(solution)
    change(table)
    return table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.meta.update(OBSTYPE="PTC"), "OBSTYPE 'PTC' is no cti"),
        (lambda table: table.meta.update(CTI_VERSION=2.0), "cti of version 2.0"),
        (lambda table: table.meta.pop("DETECTOR"), "has no DETECTOR"),
        (lambda table: table.remove_column("DECAY_TIME"), "has no DECAY_TIME"),
        (lambda table: table.remove_column("SERIAL_EPER"), "has no SERIAL_EPER"),
        (lambda table: table.replace_column("TYPE", ["magic"] * 4), "unknown type 'magic'"),
    ],
)
def test_what_is_no_cti_is_refused(solution, change, words):
    with pytest.raises(CalprodError, match=words):
        cti_from_table(spoiled(solution, change))


def test_two_amplifiers_of_one_name_are_refused(solution):
    with pytest.raises(CalprodError, match="twice"):
        CtiSolution(0, solution.amplifiers[:1] * 2)
