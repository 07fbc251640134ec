"""The photon transfer curve beside the published method, for `make bench`."""

import time

import pytest

from tests.benchmarks.bench_ptc import CONTESTS

# Names first: the pixels of a contest are made when its turn comes.
ENTRIES = [
    ("covariances (1 Mpix, 11 x 11 lags)", 5),
    ("amplifier pair (1 Mpix), everything", 2),
    ("covariance fit (60 pairs, r = 10)", 2),
    ("covariance fit (200 pairs, r = 10)", 2),
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
def test_ptc(benchmark, contests, group, place):
    name, competitor = list(contests(group).items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=3, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors():
    assert [(name, len(make())) for name, make in CONTESTS.items()] == ENTRIES
