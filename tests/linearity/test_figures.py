"""The figures of a linearizer."""

import numpy as np
import pytest

from tasks.linearity.figures import figures
from tests.linearity.test_inputs import TIMES, curve, linearizer

TITLES = ("Linearity residuals", "Linearity corrections", "What all amplifiers miss the light by")


@pytest.mark.parametrize("kind", ["Squared", "Spline"])
def test_residuals_corrections_and_the_lamp_are_drawn_with_units(kind):
    drawn = figures(linearizer(curve(), kind))
    assert tuple(one.title for one in drawn) == TITLES
    residuals, corrections, light = (str(one.svg) for one in drawn)
    for name in (
        "C10",
        "C11",
        "C12",
        "C13",
        "residual (%)",
        "measured signal (1000 adu)",
        "turnoff",
        "before",
    ):
        assert name in residuals
    assert "correction (%)" in corrections
    assert "exposure time (s)" in light
    assert all(len(svg) < 200_000 and svg.startswith("<svg") for svg in (residuals, corrections, light))


def test_a_photodiode_has_its_own_axis():
    charge = np.tile(1e-9 * TIMES, (4, 1))
    *_, light = figures(linearizer(curve(PHOTO_CHARGE=charge), abscissa="photodiode"))
    assert "charge of the photodiode" in str(light.svg)


def test_an_amplifier_without_a_correction_has_an_empty_panel():
    means = np.array(curve()["RAW_MEANS"])
    means[2] = np.nan
    residuals, *_ = figures(linearizer(curve(RAW_MEANS=means)))
    assert "C12 (no correction)" in str(residuals.svg)


def test_nothing_is_drawn_of_nothing():
    table = linearizer(curve())
    table["TYPE"] = ["None"] * 4
    assert figures(table) == ()
