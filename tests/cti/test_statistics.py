"""The numbers that tell deferred charge are cut from the right boxes, whatever corner is read first."""

import numpy as np
import pytest

from tasks.combine.pipeline_task import corrected
from tasks.cti.pipeline_task import CtiConfig
from tasks.cti.run.measure import flat_steps
from tasks.isr.cti_statistics import cti_statistics, read_cti_statistics
from tests.cti.sequences import priors, sequence

PRESCAN, WIDTH, HEIGHT, SERIAL, PARALLEL = 3, 40, 50, 6, 4


def segment():
    """Level 1000; column and row means that name their place."""
    pixels = np.zeros((HEIGHT + PARALLEL, PRESCAN + WIDTH + SERIAL), np.float32)
    pixels[:HEIGHT, PRESCAN : PRESCAN + WIDTH] = 1000.0
    pixels[:HEIGHT, PRESCAN] = 900.0
    pixels[:HEIGHT, PRESCAN + WIDTH - 1] = 1100.0
    pixels[:HEIGHT, PRESCAN + WIDTH :] = 10.0 + np.arange(SERIAL)
    pixels[HEIGHT:, PRESCAN : PRESCAN + WIDTH] = 50.0 + np.arange(PARALLEL)[:, None]
    pixels[HEIGHT:, PRESCAN + WIDTH :] = -999.0
    pixels[:, :PRESCAN] = -888.0
    return pixels


def measured(pixels, **keys):
    return cti_statistics(pixels, prescan=PRESCAN, data_columns=WIDTH, data_rows=HEIGHT, **keys)


def test_each_mean_is_of_its_own_box():
    found = measured(segment(), gain=1.5, turnoff=9e4)
    assert (found.first_column_mean, found.last_column_mean) == (900.0, 1100.0)
    assert (found.first_row_mean, found.last_row_mean, found.image_mean) == (1000.0, 1000.0, 1000.0)
    np.testing.assert_array_equal(found.serial_overscan, 10.0 + np.arange(SERIAL))
    assert (found.input_gain, found.input_turnoff) == (1.5, 9e4)


def test_the_parallel_values_are_of_the_parallel_overscan():
    """Rubin's ip_isr takes the first rows of the serial overscan for them."""
    np.testing.assert_array_equal(measured(segment()).parallel_overscan, 50.0 + np.arange(PARALLEL))


def test_errors_are_those_of_the_means():
    pixels = segment()
    pixels += np.random.default_rng(0).normal(0, 8, pixels.shape).astype(np.float32)
    found = measured(pixels)
    # The scatter of a mean of 50 (40) normal numbers is known to 10 % (11 %); 4 σ.
    np.testing.assert_allclose(found.serial_overscan_error, 8 / np.sqrt(HEIGHT), rtol=0.4)
    np.testing.assert_allclose(found.parallel_overscan_error, 8 / np.sqrt(WIDTH), rtol=0.45)


def test_defects_count_for_nothing():
    pixels = segment()
    flags = np.zeros((HEIGHT, WIDTH), bool)
    flags[:, 10:30] = True
    pixels[:HEIGHT, PRESCAN : PRESCAN + WIDTH][flags] = 7e4
    before = pixels.copy()
    assert measured(pixels, flags=flags).image_mean == 1000.0
    np.testing.assert_array_equal(pixels, before)


def test_lines_at_the_edge_that_are_flagged_as_a_whole_are_taken_as_they_are():
    """Their charge has passed the register all the same; single flagged pixels still count for nothing."""
    flags = np.zeros((HEIGHT, WIDTH), bool)
    flags[:, -5:] = True
    flags[:10, 0] = True
    pixels = segment()
    pixels[:10, PRESCAN] = 7e4
    found = measured(pixels, flags=flags)
    assert (found.first_column_mean, found.last_column_mean, found.image_mean) == (900.0, 1100.0, 1000.0)


def test_the_header_gives_back_what_was_written():
    found = measured(segment(), gain=1.5)
    read = read_cti_statistics({"OTHER": 3, **found.cards("C10"), **found.cards("C11")})
    assert sorted(read) == ["C10", "C11"]
    np.testing.assert_allclose(read["C11"].serial_overscan, found.serial_overscan)
    np.testing.assert_allclose(read["C11"].parallel_overscan_error, found.parallel_overscan_error)
    assert read["C10"].last_column_mean == 1100.0
    assert np.isnan(read["C10"].input_turnoff)


@pytest.fixture(scope="module")
def flat():
    """Statistics of a flat of 60 000 electron on a sensor that defers much, by amplifier."""
    made = sequence(
        (10.0,), width=64, height=80, losses={"serial_cti": 1e-4, "parallel_cti": 3e-4, "trap_size": 0.0}
    )
    raw = made.read(min(made.exposures))
    known = priors(made)
    steps = flat_steps(CtiConfig().isr.steps("cti", "LATISS"), known, raw, 15)
    return made, read_cti_statistics(corrected(raw, steps, known.calibrations).metadata)


def test_all_four_corners_are_brought_to_readout_order(flat):
    """LATISS reads its upper half from the upper right, its lower half from the lower right corner."""
    made, found = flat
    assert {one.readout_corner for one in made.sensor.layout.amplifiers} == {"UR", "LR"}
    assert len(found) == 16
    for one in found.values():
        signal = one.image_mean
        assert signal == pytest.approx(60_000, rel=0.02)
        # 67 serial and 80 parallel transfers; the drift adds 2e-4 (0.66 + 0.43); the noise of a column is 1.
        assert one.serial_overscan[0] == pytest.approx(signal * (67e-4 + 1.32e-4), abs=8)
        assert one.serial_overscan[1] == pytest.approx(signal * (67e-4**2 / 2 + 0.87e-4), abs=8)
        assert one.parallel_overscan[0] == pytest.approx(signal * 80 * 3e-4, rel=0.03)
        assert abs(one.parallel_overscan[20:].mean()) < 2
