"""Shifts of pixel boundaries beside numpy and scipy, for `make bench`."""

import time

import numpy as np
import pytest

from tasks.brighter_fatter.electrostatic.field import Sensor, boundary_shifts
from tasks.isr.brighter_fatter import BrighterFatterSettings, correct_brighter_fatter
from tasks.isr.distortion import correct_distortion
from tests.benchmarks.bench_distortion import (
    CONTESTS,
    by_numpy,
    flat,
    shifted_by_scipy,
    shifts,
    transferred_by_scipy,
)
from tests.isr.brighter_fatter_truth import kernel

# Names first: the pixels of a contest are made when its turn comes.
ENTRIES = [(name, 2) for name in CONTESTS]


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
def test_distortion(benchmark, contests, group, place):
    name, competitor = list(contests(group).items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=3, iterations=20 if "model" in group else 1, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors():
    assert [(name, len(make())) for name, make in CONTESTS.items()] == ENTRIES


def test_the_peers_do_the_same_work():
    """To single precision, which at 3e4 electron is 0.002 for each of four exchanges."""
    np.testing.assert_allclose(by_numpy(Sensor()), boundary_shifts(Sensor(), 8).right, rtol=1e-10)
    image = flat(160)
    moved = image.copy()
    correct_distortion(moved, shifts())
    np.testing.assert_allclose(moved, shifted_by_scipy(image, shifts()), atol=0.02)
    moved = image.copy()
    correct_brighter_fatter(moved, kernel(), BrighterFatterSettings("COULTON18_FLUX_CONSERVING"))
    # Near the edge the one goes on periodically, the other with zeros.
    inner = (slice(30, -30),) * 2
    expected = transferred_by_scipy(image, kernel().kernel)
    np.testing.assert_allclose(moved[inner], expected[inner], atol=0.05)
