"""The ramp out of the photon transfer curve's table, and what becomes of ramps not as they should be."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from tasks.linearity.algorithm import Abscissa, LinearitySettings, pairs_of_curve, ramp_of_curve
from tasks.linearity.inputs.binned import binned_images
from tasks.linearity.inputs.config import SolveConfig
from tests.linearity.simulated import solved

N = 30
TIMES = np.linspace(0.5, 20.0, N)
NAMES = ("C10", "C11", "C12", "C13")
Q = np.array([1.0e-7, 0.8e-7, 1.3e-7, 1.1e-7])


def curve(seed=1, times=TIMES, **columns):
    """Table with the columns of a photon transfer curve that linearity takes, of four amplifiers."""
    random, n = np.random.default_rng(seed), len(times)
    linear = 5000.0 * np.outer(np.linspace(0.98, 1.02, 4), times)
    deltas = linear * 1e-3 * random.normal(size=n)
    rows = {
        "AMPLIFIER_NAME": list(NAMES),
        "INPUT_EXP_ID_PAIRS": np.tile(np.arange(2 * n).reshape(n, 2), (4, 1, 1)),
        "INPUT_EXP_PAIR_MJD_START": np.tile(60_000.0 + np.arange(n) / 1e3, (4, 1)),
        "RAW_EXP_TIMES": np.tile(times, (4, 1)),
        "RAW_MEANS": linear - Q[:, None] * linear**2 + random.normal(0.0, 0.2, linear.shape),
        "RAW_DELTAS": deltas,
        "EXP_ID_MASK": np.ones((4, n), bool),
        "GAIN": np.full(4, 1.3),
        "NOISE": np.full(4, 7.0),
        "PTC_TURNOFF": np.full(4, 90_000.0),
        "PHOTO_CHARGE": np.full((4, n), np.nan),
        "PHOTO_CHARGE_DELTAS": np.full((4, n), np.nan),
        "BAD_AMPS": [np.array([], "U3")] * 4,
        "BAD_REASON": [""] * 4,
    }
    return Table(rows | columns, meta={"OBSTYPE": "PTC", "INSTRUME": "LATISS"})


class Given:
    """What the first task gives, of a table made here."""

    def __init__(self, table):
        self.output, self.binned = table, None


def linearizer(table, kind="Spline", **settings):
    return solved(Given(table), kind, **settings)


def test_pairs_become_points_and_singly_two_each():
    table = curve()
    pairs, singles = ramp_of_curve(table, detector=3), ramp_of_curve(table, detector=3, singly=True)
    assert (pairs.detector, pairs.light.size, singles.light.size) == (3, N, 2 * N)
    first = singles.amplifiers[1].ordinate.reshape(N, 2)
    np.testing.assert_allclose(first.mean(axis=1), table["RAW_MEANS"][1])
    np.testing.assert_allclose(first[:, 1] - first[:, 0], table["RAW_DELTAS"][1])
    np.testing.assert_array_equal(singles.light, np.repeat(TIMES, 2))
    np.testing.assert_array_equal(pairs_of_curve(table)[0], [0, 1])
    assert [one.turnoff for one in pairs.amplifiers] == [90_000.0] * 4


def test_charges_of_the_photodiode_differ_within_a_pair():
    charge = np.tile(1e-9 * TIMES, (4, 1))
    table = curve(PHOTO_CHARGE=charge, PHOTO_CHARGE_DELTAS=np.full((4, N), 1e-12))
    ramp = ramp_of_curve(table, Abscissa("photodiode", minimum_charge=1.5e-9), detector=0, singly=True)
    light = ramp.light.reshape(N, 2)
    seen = TIMES > 1.51
    np.testing.assert_allclose(light[seen, 1] - light[seen, 0], 1e-12)
    assert np.isnan(light[TIMES < 1.49]).all()


def test_no_photodiode_is_said_and_some_charges_do():
    with pytest.raises(CalprodError, match=r"no charge of the photodiode — take the exposure time"):
        linearizer(curve(), abscissa="photodiode")
    charge = np.tile(1e-9 * TIMES, (4, 1))
    charge[:, ::7] = np.nan
    table = linearizer(curve(PHOTO_CHARGE=charge), abscissa="photodiode")
    assert set(table["TYPE"]) == {"Spline"}
    assert not np.asarray(table["INP_MASK"])[:, ::7].any()


def test_groups_and_temperatures_are_carried_by_header_key():
    current = np.tile(np.where(np.arange(N) % 2, 0.02, 0.05), (4, 1))
    table = curve(PTCAUX_CCOBCURR=current, PTCAUX_TEMP6=np.full((4, N), -100.0))
    abscissa = Abscissa(groups="CCOBCURR", temperature="TEMP6")
    ramp = ramp_of_curve(table, abscissa, detector=0)
    np.testing.assert_array_equal(ramp.groups, np.where(np.arange(N) % 2, 0, 1))
    assert ramp.temperature is not None
    assert (ramp_of_curve(table, Abscissa(groups="automatic"), detector=0).groups == 0).all()
    with pytest.raises(CalprodError, match="no PTCAUX_NOSUCH"):
        ramp_of_curve(table, Abscissa(groups="NOSUCH"), detector=0)


def test_what_is_no_curve_is_refused():
    table = curve()
    with pytest.raises(CalprodError, match="OBSTYPE None"):
        ramp_of_curve(Table({"a": [1]}), detector=0)
    lacking = table.copy()
    lacking.remove_column("RAW_DELTAS")
    with pytest.raises(CalprodError, match="no RAW_DELTAS"):
        ramp_of_curve(lacking, detector=0)
    with pytest.raises(CalprodError, match="no pair of flats"):
        ramp_of_curve(table[:0], detector=0)


def test_binned_images_are_found_by_exposure():
    table = Table({"amp_index": [0, 0, 1], "value_5": [1.0, 2.0, 3.0], "value_4": [4.0, 5.0, 6.0]})
    images = binned_images(table, np.array([4, 5]))
    np.testing.assert_array_equal(images.values, [[4, 5, 6], [1, 2, 3]])
    with pytest.raises(CalprodError, match=r"lack 6, 7"):
        binned_images(table, np.array([4, 6, 7]))


@pytest.mark.parametrize("kind", ["Squared", "Polynomial", "LookupTable", "Spline"])
def test_a_dead_amplifier_and_one_given_up_leave_the_others_unharmed(kind):
    sound = linearizer(curve(), kind, n_table=2**12)
    means = np.array(curve()["RAW_MEANS"])
    means[0], means[2] = np.nan, 0.01
    table = linearizer(
        curve(RAW_MEANS=means, BAD_AMPS=[np.array(["C13"])] * 4, BAD_REASON=["", "", "", "no slope"]),
        kind,
        n_table=2**12,
    )
    assert list(table["TYPE"]) == ["None", kind, "None", "None"]
    assert table["REASON"][3] == "photon transfer curve: no slope"
    assert all(len(reason) > 5 for reason in table["REASON"][[0, 2, 3]])
    n = sound["COEFFS"].shape[1]
    np.testing.assert_array_equal(table["COEFFS"][1][:n], sound["COEFFS"][1])


@pytest.mark.parametrize("kind", ["Squared", "Spline"])
def test_two_levels_only_are_an_error_that_says_so(kind):
    few = curve(times=np.array([1.0, 1.0, 15.0, 15.0]))
    with pytest.raises(
        CalprodError, match=r"no amplifier of LATISS detector 0 .* C10, C11, C12, C13: .*needed"
    ):
        linearizer(few, kind)


def test_a_saturated_sequence_is_fitted_below_its_turnoff():
    means = np.minimum(np.array(curve()["RAW_MEANS"]), 60_000.0)
    table = linearizer(curve(RAW_MEANS=means, PTC_TURNOFF=np.full(4, 55_000.0)))
    assert set(table["TYPE"]) == {"Spline"}
    turnoffs = np.asarray(table["LINEARITY_TURNOFF"])
    assert ((turnoffs > 55_000) & (turnoffs <= 60_000)).all()
    assert set(table["REMARKS"]) == {""}


def test_a_shallow_ramp_is_solved_and_says_how_far_it_goes():
    table = linearizer(curve(times=np.linspace(0.05, 1.2, N)))
    assert set(table["TYPE"]) == {"Spline"}
    for remark in table["REMARKS"]:
        assert "the ramp ends at" in remark
        assert "no level reaches the 10000 adu from which the turnoff is sought" in remark


@pytest.mark.parametrize("kind", ["Squared", "Spline"])
def test_the_order_of_the_points_and_levels_taken_twice_do_not_matter(kind):
    times = np.concatenate([TIMES, TIMES[::3]])
    table = curve(times=times)
    order = np.random.default_rng(3).permutation(times.size)
    mixed = table.copy()
    for name in (
        "INPUT_EXP_ID_PAIRS",
        "INPUT_EXP_PAIR_MJD_START",
        "RAW_EXP_TIMES",
        "RAW_MEANS",
        "RAW_DELTAS",
    ):
        mixed[name] = np.asarray(table[name])[:, order]
    one, two = linearizer(table, kind), linearizer(mixed, kind)
    assert set(one["TYPE"]) == {kind}
    level = 30_000.0 if kind == "Spline" else 1.0
    np.testing.assert_allclose(two["COEFFS"], one["COEFFS"], rtol=1e-3, atol=1e-6 * level)


def test_the_defaults_are_those_of_the_camera():
    config = SolveConfig()
    latiss, lsstcam = config.settings("LATISS"), config.settings("LSSTCam")
    assert isinstance(latiss, LinearitySettings)
    assert (latiss.type, latiss.spline.n_nodes, lsstcam.spline.n_nodes) == ("DoubleSpline", 10, 15)
    assert (latiss.turnoff.minimum_signal, lsstcam.turnoff.minimum_signal) == (10_000.0, 1000.0)
    assert latiss.polynomial.maximum == 120_000.0
    config.type = "Squared"
    assert config.settings("LATISS").polynomial == replace(latiss.polynomial, order=2)
