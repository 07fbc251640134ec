"""Ratios of ours to its peers, measured in turns: ``python -m tests.benchmarks [part of a name]``."""

import sys
import time

import numpy as np

from tests.benchmarks import (
    bench_brighter_fatter,
    bench_cti,
    bench_distortion,
    bench_linearity,
    bench_ptc,
    engine,
)
from tests.benchmarks.engine import Contest

CONTESTS = (
    engine.CONTESTS
    | bench_ptc.CONTESTS
    | bench_linearity.CONTESTS
    | bench_brighter_fatter.CONTESTS
    | bench_distortion.CONTESTS
    | bench_cti.CONTESTS
)
ROUNDS = 7


def processor_time(competitor) -> float:
    """Seconds of processor time of one run."""
    begin = time.process_time()
    competitor()
    return time.process_time() - begin


def ratios(contest: Contest) -> dict[str, float]:
    """Median over the rounds of each competitor's processor time in units of ours."""
    for competitor in contest.values():
        competitor()
    rounds = np.array([[processor_time(one) for one in contest.values()] for _ in range(ROUNDS)])
    return dict(zip(contest, np.median(rounds / rounds[:, :1], axis=0), strict=True))


def main(wanted: str) -> None:
    """Print one table of all contests whose name holds the given text."""
    lines = [f"{'task':<36}{'competitor':<46}{'time / ours':>12}"]
    for name, make in CONTESTS.items():
        if wanted in name:
            for competitor, ratio in ratios(make()).items():
                lines.append(f"{name:<36}{competitor:<46}{ratio:>12.2f}")
                name = ""
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
