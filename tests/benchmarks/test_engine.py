"""The engine beside its peers, for `make bench`; the last column is the ratio to the fastest of the group."""

import time

import pytest

from tests.benchmarks.engine import CONTESTS

# Names first: the pixels of a contest are made when its turn comes.
ENTRIES = [
    ("clip of a stack (20 x 1 Mpix)", 3),
    ("clipped statistics (1 Mpix)", 4),
    ("serial overscan (2048 x 576)", 2),
    ("corrections of a bias (18.9 Mpix)", 2),
    ("dithering (18.9 Mpix)", 2),
    ("spool and stack (20 x 4 Mpix)", 2),
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
def test_engine(benchmark, contests, group, place):
    name, competitor = list(contests(group).items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=5, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors():
    assert [name for name, _ in ENTRIES] == list(CONTESTS)
