"""What the photon transfer curve is timed on, each task beside the published method written with numpy."""

from collections.abc import Callable

import numpy as np
import scipy.fft

from tasks.flat_pairs.covariances import lag_covariances
from tasks.flat_pairs.pair_statistics import measure_amplifier_pair
from tasks.ptc.algorithm import ExtractSettings, PairDescription
from tasks.ptc.solve.full_covariance import fit_covariances
from tests.benchmarks.engine import Contest
from tests.ptc import reference

LAGS = 11


def _pair_difference():
    """Difference of two flats of a LATISS amplifier, with an edge of 20 pixels and 0.7 % bad ones."""
    random = np.random.default_rng(1)
    usable = np.zeros((2000, 509), bool)
    usable[20:-20, 20:-20] = random.random((1960, 469)) > 0.007
    return random.normal(0, 240, usable.shape).astype(np.float32), usable


def covariances_of_a_pair() -> Contest:
    """Covariances at lags 0 to 10 in both directions, exact number of pairs at each."""
    difference, usable = _pair_difference()
    return {
        "calprod": lambda: lag_covariances(difference, usable, LAGS),
        "numpy FFT, padded to powers of two": lambda: reference.covariances_by_fft(difference, usable, LAGS),
        "scipy FFT, padded to fast sizes": lambda: reference.covariances_by_fft(
            difference, usable, LAGS, scipy.fft.next_fast_len, scipy.fft
        ),
        "numpy, lag by lag": lambda: reference.covariances_by_definition(difference, usable, LAGS),
        "one pass: difference squared": lambda: np.sum(np.square(difference, dtype=np.float64)),
    }


def extraction_of_a_pair() -> Contest:
    """All that is measured of one amplifier of 1 Mpix in one pair."""
    random = np.random.default_rng(2)
    images = tuple(random.normal(30_000, 170, (2000, 509)).astype(np.float32) for _ in range(2))
    bad = (random.random((2000, 509)) < 0.007).astype(np.uint16)
    settings = ExtractSettings(matrix_side=LAGS, edge=20)
    pair = PairDescription((1, 2), 30.0, 60_000.0)

    def by_numpy():
        difference, usable, *numbers = reference.difference_of_pair(*images, bad == 0, edge=20)
        return numbers, reference.covariances_by_fft(difference, usable, LAGS)

    return {
        "calprod": lambda: measure_amplifier_pair("C10", images, (bad, bad), pair, None, settings),
        "numpy and astropy, FFT": by_numpy,
    }


def _covariance_fit(n: int) -> Contest:
    """Fit of n pairs, 10 lags in both directions: 301 parameters."""
    random = np.random.default_rng(3)
    i, j = np.indices((10, 10))
    a = -2.4e-6 / (1.0 + 2.0 * i**2 + 3.0 * j**2) ** 1.3
    a[1:] *= -0.4
    a[0, 1:] *= -0.4
    means = np.linspace(300, 90_000, n)
    truth = reference.model(means, 1.5, a, a * 1e-7, np.where(i + j == 0, 36.0, 0.2))
    weights = 1e3 / truth[:, :1, :1] * np.ones((10, 10))
    weights[:, 0, 0] /= np.sqrt(2)
    data = truth + random.normal(size=truth.shape) / weights
    return {
        "calprod": lambda: fit_covariances(means, data, weights, start_gain=1.45),
        "scipy leastsq on all points": lambda: reference.fit(means, data, weights, 1.45),
    }


CONTESTS: dict[str, Callable[[], Contest]] = {
    "covariances (1 Mpix, 11 x 11 lags)": covariances_of_a_pair,
    "amplifier pair (1 Mpix), everything": extraction_of_a_pair,
    "covariance fit (60 pairs, r = 10)": lambda: _covariance_fit(60),
    "covariance fit (200 pairs, r = 10)": lambda: _covariance_fit(200),
}
"""All contests, made only when they are run."""
