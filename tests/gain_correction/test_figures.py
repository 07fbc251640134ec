"""The figures of a correction of gains."""

from tasks.gain_correction.algorithm import measure_gain_correction, to_table
from tasks.gain_correction.figures import figures
from tests.gain_correction.flats import LATISS, NAMES, curve, factors, flat, light

TITLES = ["Change of each amplifier", "Ratio of the flats", "Ratio of the flats, corrected"]


def table(**cards):
    found = measure_gain_correction(
        flat(light(), factors({3: 0.99, 9: 1.08})), flat(light()), curve(), LATISS, "LATISS", metadata=cards
    )
    return to_table(found)


def test_changes_and_ratios_are_drawn():
    drawn = figures(table(INSTRUME="LATISS", DETECTOR=0))
    assert [one.title for one in drawn] == TITLES
    changes, before, after = drawn
    assert "signal against the flat in use (%)" in str(changes.svg)
    assert all(name in str(changes.svg) for name in NAMES)
    assert f"{NAMES[9]}: it has moved by +8.0 %" in changes.caption
    assert "ratio − 1 (%)" in str(before.svg)
    assert str(before.svg) != str(after.svg)


def test_a_table_of_an_unknown_camera_has_the_changes_only():
    assert [one.title for one in figures(table())] == TITLES[:1]
    assert [one.title for one in figures(table(INSTRUME="Unknown", DETECTOR=0))] == TITLES[:1]
