"""Charge transfer inefficiency beside the published method, for `make bench`."""

import time

import pytest

from tests.benchmarks.bench_cti import CONTESTS

ENTRIES = [
    ("serial register (60 levels)", 3),
    ("serial register with a trap (60 levels)", 3),
    ("fit of the transfers (20 levels)", 2),
    ("CTI correction, offset (2048 x 576)", 4),
    ("CTI correction, offset and trap", 4),
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
def test_cti(benchmark, contests, group, place):
    name, competitor = list(contests(group).items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=3, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors():
    assert [(name, len(make())) for name, make in CONTESTS.items()] == ENTRIES
