"""Illumination corrections out of the photometry of stars, against the surfaces that were put in."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.sky.illumination.star_flat import StarFlatSettings, StarPhotometry, fit_star_flat

ERROR = 0.005
GRID = np.meshgrid(np.linspace(-0.9, 0.9, 15), np.linspace(-0.9, 0.9, 15))


def surface(detector: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how much fainter stars seem (mag): some hundredths, of the fourth degree."""
    bowl = 0.03 * (x**2 + y**2) - 0.02 * x**2 * y**2 + 0.01 * y**4
    return bowl + 0.02 * x - 0.015 * y + 0.03 * detector


def observed(
    seed: int = 1, *, detectors: int = 1, rotations: bool = True, zero_points: float = 0.05
) -> StarPhotometry:
    """Return stars in a field, seen in 16 exposures that are dithered and, if asked for, rotated."""
    random = np.random.default_rng(seed)
    n_stars, width = 300, 2.0 * detectors
    sky_x, sky_y = random.uniform(-1.6, 1.6, (2, n_stars)) * np.array([[detectors], [1.0]])
    true = random.uniform(15.0, 19.0, n_stars)
    rows = []
    for exposure in range(16):
        angle = random.uniform(0, 2 * np.pi) if rotations else 0.0
        dx, dy = random.uniform(-0.6, 0.6, 2)
        x = np.cos(angle) * sky_x - np.sin(angle) * sky_y + dx
        y = np.sin(angle) * sky_x + np.cos(angle) * sky_y + dy
        zero_point = random.normal(0.0, zero_points)
        place = x + width / 2
        seen = (np.abs(y) < 1) & (place > 0) & (place < width)
        detector = (place[seen] // 2).astype(int)
        inside = place[seen] - 2 * detector - 1
        faint = surface(detector, inside, y[seen])
        magnitude = true[seen] + zero_point + faint + random.normal(0, ERROR, seen.sum())
        n = np.full(seen.sum(), exposure)
        rows.append((np.flatnonzero(seen), n, detector, inside, y[seen], magnitude))
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return StarPhotometry(*columns, np.full(columns[0].size, ERROR))


def deviations(found, n_detectors: int) -> np.ndarray:
    """Return the deviations from the truth on a grid of places of every detector, without their mean."""
    wrong = [found.magnitudes(i, *GRID) - surface(i, *GRID) for i in range(n_detectors)]
    return np.stack(wrong) - np.mean(wrong)


@pytest.mark.parametrize("n_detectors", [1, 2])
def test_the_surfaces_come_back_within_their_errors(n_detectors):
    """Chi-squared of the observations is 1 to 5 of its standard errors; the surface is true to some mmag.

    25 coefficients from about 2000 observations of 5 mmag: 5 sqrt(25 / 2000) = 0.6 mmag in the mean, and the
    zero points and magnitudes take a part; at the rim it is several times that. 1.5 mmag rms is allowed.
    """
    photometry = observed(detectors=n_detectors)
    found = fit_star_flat(photometry)
    freedom = found.n_used - 300 - 25 * n_detectors - 16
    assert found.chi_squared == pytest.approx(1.0, abs=5 * np.sqrt(2 / freedom))
    assert found.n_undetermined == 0
    assert deviations(found, n_detectors).std() < 1.5e-3
    assert set(found.coefficients) == set(range(n_detectors))


def test_the_error_of_the_surface_is_that_of_the_scatter_of_many_fits():
    """30 skies: rms deviation over the error from the covariance, 1 to 4.5 / sqrt(2 x 29) of the scatter."""
    pulls = []
    for seed in range(30):
        found = fit_star_flat(observed(seed), StarFlatSettings(order=4))
        # The difference of two places is free of the constant.
        at = np.array([[0.5, -0.2], [-0.4, 0.3]])
        terms = [
            np.outer(np.cos(np.arange(5) * np.arccos(y)), np.cos(np.arange(5) * np.arccos(x))).ravel()
            for x, y in at
        ]
        difference = terms[0] - terms[1]
        error = np.sqrt(difference @ found.covariance @ difference)
        value = np.subtract(*found.magnitudes(0, at[:, 0], at[:, 1]))
        pulls.append((value - np.subtract(*surface(0, at[:, 0], at[:, 1]))) / error)
    assert np.std(pulls) == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * 29))
    assert abs(np.mean(pulls)) < 4.5 / np.sqrt(30)


def test_without_rotations_a_slope_is_undetermined_and_everything_else_is_not():
    found = fit_star_flat(observed(rotations=False))
    assert found.n_undetermined == 2
    wrong = deviations(found, 1)[0]
    x, y = GRID
    slopes = np.column_stack([x.ravel(), y.ravel(), np.ones(x.size)])
    rest = wrong.ravel() - slopes @ np.linalg.lstsq(slopes, wrong.ravel(), rcond=None)[0]
    assert rest.std() < 1.5e-3


def test_under_one_zero_point_a_slope_is_known_without_rotations():
    found = fit_star_flat(observed(rotations=False, zero_points=0.0), StarFlatSettings(photometric=True))
    assert found.n_undetermined == 0
    assert deviations(found, 1).std() < 1.5e-3
    assert set(found.zero_points.values()) == {0.0}


def test_variable_stars_are_clipped():
    photometry = observed()
    magnitude = photometry.magnitude.copy()
    magnitude[::40] += 0.3
    magnitude[7] = np.nan
    found = fit_star_flat(replace(photometry, magnitude=magnitude))
    assert found.n_used <= magnitude.size - magnitude[::40].size - 1
    assert deviations(found, 1).std() < 1.5e-3


def test_the_correction_makes_stars_equally_bright():
    """Where stars seem fainter by 0.05 mag the image is divided by 0.955; its mean in magnitudes is 0."""
    found = fit_star_flat(observed())
    image = found.correction(0, (60, 80))
    y, x = ((2 * np.arange(size) + 1) / size - 1 for size in image.shape)
    magnitudes = found.magnitudes(0, *np.meshgrid(x, y))
    np.testing.assert_allclose(image, 10 ** (-0.4 * magnitudes), rtol=1e-5)
    assert magnitudes.mean() == pytest.approx(0.0, abs=2e-4)


def test_too_few_observations_and_those_without_error_are_refused():
    photometry = observed()
    few = StarPhotometry(
        *(
            getattr(photometry, name)[:20]
            for name in ("star", "exposure", "detector", "x", "y", "magnitude", "error")
        )
    )
    with pytest.raises(CalprodError, match="do not determine"):
        fit_star_flat(few)
    with pytest.raises(CalprodError, match="no error"):
        fit_star_flat(replace(photometry, error=np.zeros(photometry.error.size)))
