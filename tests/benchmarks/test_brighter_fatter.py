"""The brighter-fatter kernel beside its peers, for `make bench`."""

import time

import numpy as np
import pytest

from tasks.brighter_fatter.algorithm import solve_poisson
from tasks.isr.brighter_fatter import BrighterFatterKernel, correct_brighter_fatter
from tests.benchmarks.bench_brighter_fatter import CONTESTS, by_numpy, direct, relaxed, source

# Names first: the pixels of a contest are made when its turn comes.
ENTRIES = [
    ("kernel, Poisson (7 lags, 15 x 15)", 3),
    ("kernel, Poisson (10 lags, 21 x 21)", 3),
    ("kernel of an amplifier (8 lags)", 2),
    ("brighter-fatter correction (1 Mpix)", 2),
]


@pytest.fixture(scope="module")
def contests():
    made = {}

    def contest(group):
        if group not in made:
            made.clear()
            made[group] = CONTESTS[group]()
        return made[group]

    return contest


@pytest.mark.parametrize(("group", "place"), [(name, i) for name, n in ENTRIES for i in range(n)])
def test_brighter_fatter(benchmark, contests, group, place):
    name, competitor = list(contests(group).items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    quick = name.startswith("calprod") and "correction" not in group
    benchmark.pedantic(competitor, rounds=3, iterations=200 if quick else 1, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors():
    assert [(name, len(make())) for name, make in CONTESTS.items()] == ENTRIES


def test_the_peers_do_the_same_work():
    """Relaxation stops at a residual of 5e-14, which the condition of the Laplacian multiplies."""
    values = source(7)
    expected = solve_poisson(values)
    for peer in (relaxed, direct):
        np.testing.assert_allclose(peer(values), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    image = np.random.default_rng(5).normal(30_000, 170, (96, 96)).astype(np.float32)
    corrected = image.copy()
    correct_brighter_fatter(corrected, BrighterFatterKernel(expected))
    moved = np.abs(corrected - image).max()
    # Near the edge the one goes on periodically, the other with zeros.
    inner = (slice(20, -20),) * 2
    np.testing.assert_allclose(corrected[inner], by_numpy(image, expected)[inner], rtol=0, atol=0.01 * moved)


@pytest.mark.parametrize("group", [name for name, _ in ENTRIES[:3]])
def test_a_kernel_takes_less_than_a_three_hundredth_of_relaxation(contests, group):
    """Ten and forty times less is usual for the solution alone, so that a busy machine does not matter."""
    ours, slow = list(contests(group).values())[:2]
    ours()
    times = []
    for competitor, n in ((ours, 300), (slow, 1)):
        begin = time.process_time()
        for _ in range(n):
            competitor()
        times.append((time.process_time() - begin) / n)
    assert times[0] < 1e-3
    assert times[1] > 300.0 * times[0]
