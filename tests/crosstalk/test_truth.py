"""Injected truth: star fields through the crosstalk of the simulated camera's electronics."""

import numpy as np
import pytest

from infra.instruments import camera
from infra.instruments.layout import SegmentModel
from infra.simulator.effects import CameraEffects, Crosstalk
from infra.simulator.electronics import add_crosstalk
from infra.simulator.sensor import draw_sensor
from tasks.crosstalk.algorithm import ExtractionSettings, SolveSettings, extract_ratios, solve_crosstalk
from tasks.isr.crosstalk import subtract_crosstalk
from tasks.isr.crosstalk_matrix import CLIPPED_MEAN_INFLATION
from tests.crosstalk.fields import as_read, exposure

SEGMENT = SegmentModel(240, 330, 3, 200, 300)
N_EXPOSURES = 8
SETTINGS = ExtractionSettings(growth=10)
"""The small amplifiers are full of stars: twenty pixels around each would leave no background."""
SKY = 300.0
READ_NOISE = 6.0


@pytest.fixture(scope="module")
def sensor():
    detector = camera("LATISS").detector(0)
    return draw_sensor(detector, SEGMENT, CameraEffects(crosstalk=Crosstalk()))


def stars(random, sensor):
    """Star field (electron) on a sky with a gradient, segments in readout order, [amplifier, y, x]."""
    ny, nx = SEGMENT.data_height, SEGMENT.data_width
    y, x = np.mgrid[:ny, :nx]
    columns = np.arange(sensor.layout.image_shape[1])
    sky = np.broadcast_to(SKY * (1.0 + 0.1 * columns / columns.size), sensor.layout.image_shape)
    fields = np.stack([as_read(sky, one) for one in sensor.layout.amplifiers])
    for one in fields:
        for _ in range(3):
            distance = (y - random.uniform(8, ny - 8)) ** 2 + (x - random.uniform(8, nx - 8)) ** 2
            one += random.uniform(60e3, 130e3) * np.exp(-distance / (2 * 2.0**2))
    return random.poisson(fields).astype(float)


def observe(random, sensor, fields, quadratic=None):
    """Assembled exposure (electron) of a field, after the simulator's electronics."""
    gain = sensor.gain
    signal = add_crosstalk(fields / gain[:, None, None], sensor.crosstalk, gain) * gain[:, None, None]
    if quadratic is not None:
        signal += np.tensordot(quadratic.T, fields**2, axes=1)
    signal += random.normal(0, READ_NOISE, signal.shape)
    image = np.empty(sensor.layout.image_shape)
    for one, pixels in zip(sensor.layout.amplifiers, signal, strict=True):
        as_read(image, one)[...] = pixels
    return exposure(image)


@pytest.fixture(scope="module")
def ratios(sensor):
    random = np.random.default_rng(4)
    return [
        extract_ratios(observe(random, sensor, stars(random, sensor)), sensor.layout, SETTINGS)
        for _ in range(N_EXPOSURES)
    ]


OTHERS = ~np.eye(16, dtype=bool)


def pulls(matrix, truth):
    return ((matrix.coefficients - truth) / matrix.standard_errors)[OTHERS]


def test_every_coefficient_is_within_three_sigma(sensor, ratios):
    matrix = solve_crosstalk(ratios).matrix
    found = pulls(matrix, sensor.crosstalk)
    # Of 240 coefficients 0.65 are expected beyond three standard errors, and none beyond 4.5.
    assert np.count_nonzero(np.abs(found) > 3) <= 3
    assert np.abs(found).max() < 4.5
    # The scatter of 240 pulls is known to 5 %, the inflation by the clip to 5 %.
    assert found.std() == pytest.approx(1.0, abs=0.15)
    assert abs(found.mean()) < 0.25  # 4 sigma
    assert (np.abs(matrix.coefficients - sensor.crosstalk)[OTHERS] < 3 * matrix.errors[OTHERS]).all()


def test_neighbours_are_significant(sensor, ratios):
    matrix = solve_crosstalk(ratios).matrix
    near = sensor.crosstalk > 1e-4
    assert matrix.valid[near].all()
    assert not matrix.valid[~OTHERS].any()


def test_corrected_fields_show_no_more_crosstalk(sensor, ratios):
    layout, random = sensor.layout, np.random.default_rng(5)
    matrix = solve_crosstalk(ratios).matrix
    again = []
    for _ in range(N_EXPOSURES):
        one = observe(random, sensor, stars(random, sensor))
        segments = {amp.name: one.image[amp.image_box.slices] for amp in layout.amplifiers}
        subtract_crosstalk(segments, layout.amplifiers, matrix.coefficients)
        again.append(extract_ratios(one, layout, SETTINGS))
    residual = solve_crosstalk(again).matrix
    found = pulls(residual, np.zeros((16, 16)))
    # Errors of the matrix and of the second measurement are equal: √2.
    assert found.std() == pytest.approx(np.sqrt(2.0), rel=0.2)
    near = sensor.crosstalk > 1e-4
    before, after = matrix.coefficients[near].mean(), residual.coefficients[near].mean()
    # 28 pairs of neighbours, each known to 2.3e-5 of 3e-4: 1.5 % of the mean, three times that allowed.
    assert abs(after) < 0.045 * before


def test_a_quadratic_term_is_found_beside_the_linear_one(sensor):
    random = np.random.default_rng(6)
    quadratic = np.zeros((16, 16))
    quadratic[3, 4], quadratic[9, 2] = 1.2e-8, -1e-8
    given = [
        extract_ratios(observe(random, sensor, stars(random, sensor), quadratic), sensor.layout, SETTINGS)
        for _ in range(N_EXPOSURES)
    ]
    matrix = solve_crosstalk(given, SolveSettings(flux_order=1)).matrix
    found = pulls(matrix, sensor.crosstalk)
    assert np.abs(found).max() < 4.5
    assert found.std() == pytest.approx(1.0, abs=0.2)
    errors = CLIPPED_MEAN_INFLATION * matrix.quadratic_errors / np.sqrt(np.maximum(matrix.counts, 1))
    quadratic_pulls = (matrix.quadratic - quadratic)[OTHERS] / errors[OTHERS]
    assert np.abs(quadratic_pulls).max() < 4.5
    for pair in ((3, 4), (9, 2)):
        assert abs(matrix.quadratic[pair] / errors[pair]) > 5
