"""Linearity beside its peers, for `make bench`."""

import time

import pytest

from tests.benchmarks.bench_linearity import CONTESTS


@pytest.fixture(scope="module")
def contests():
    return {group: make() for group, make in CONTESTS.items()}


@pytest.mark.parametrize("group", CONTESTS)
@pytest.mark.parametrize("place", range(5))
def test_linearity(benchmark, contests, group, place):
    name, competitor = list(contests[group].items())[place]
    benchmark.group = group
    benchmark.name = name
    benchmark._timer = time.process_time  # processor time: other programs do not count
    benchmark.pedantic(competitor, rounds=5, warmup_rounds=1)


def test_every_contest_is_entered_with_all_its_competitors(contests):
    assert [len(contest) for contest in contests.values()] == [5, 5]
