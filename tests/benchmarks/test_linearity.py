"""Linearity beside its peers, for `make bench`."""

import time

import pytest

from tests.benchmarks.bench_linearity import CONTESTS

GROUP = "linearity spline (2000 x 509)"


@pytest.fixture(scope="module")
def contest():
    return CONTESTS[GROUP]()


@pytest.mark.parametrize("place", range(5))
def test_linearity(benchmark, contest, place):
    name, competitor = list(contest.items())[place]
    benchmark.group = GROUP
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=5, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors(contest):
    assert list(CONTESTS) == [GROUP]
    assert len(contest) == 5
