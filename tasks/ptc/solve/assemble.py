"""Measurements of many pairs, put in order: one series per amplifier."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from tasks.flat_pairs.curve.model import AmplifierSeries
from tasks.flat_pairs.model import PairDescription, PairMeasurement

__all__ = ["AssembledPairs", "assemble"]

NOT_MEASURED = "not measured in this pair"


@dataclass(frozen=True, slots=True, eq=False)
class AssembledPairs:
    """All pairs of a detector, sorted."""

    series: Mapping[str, AmplifierSeries]
    """By name of the amplifier, in the order in which they first came."""
    reasons: Mapping[str, tuple[str | None, ...]]
    """Why each pair tells nothing about an amplifier, by its name."""
    auxiliary: Mapping[str, npt.NDArray[np.float64]]
    """Header values of the pairs, by key; NaN where a pair has none."""
    matrix_side: int
    """Lags measured, in each direction."""


def assemble(measurements: Iterable[PairMeasurement]) -> AssembledPairs:
    """Gather measurements, pair by pair in any order, into series.

    Parameters
    ----------
    measurements
        One per amplifier and pair; an amplifier that a pair lacks counts as not measured in it.

    Raises
    ------
    CalprodError
        There are fewer than two pairs, measurements with different numbers of lags, or two of the same
        amplifier in the same pair.

    Notes
    -----
    The order is that of the mean over the amplifiers of their mean signals, so that it is the same for all.
    """
    table: dict[str, dict[tuple[int, int], PairMeasurement]] = {}
    pairs: dict[tuple[int, int], PairDescription] = {}
    sides = set()
    for one in measurements:
        row = table.setdefault(one.amplifier, {})
        if one.pair.exposures in row:
            raise CalprodError(
                f"amplifier {one.amplifier} is measured twice in the pair {one.pair.exposures}",
                "pass each pair once",
            )
        row[one.pair.exposures] = one
        pairs.setdefault(one.pair.exposures, one.pair)
        sides.add(one.covariances.shape[0])
    if len(pairs) < 2:
        raise CalprodError(
            f"a photon transfer curve from {len(pairs)} pairs of flats", "take pairs at three levels or more"
        )
    if len(sides) > 1:
        raise CalprodError(
            f"the pairs were measured with {sorted(sides)} lags", "measure all pairs with the same settings"
        )
    side = sides.pop()
    order = sorted(pairs, key=lambda key: (_level(table.values(), key), pairs[key].begin_mjd, key))
    rows = {
        name: [row.get(key) or _missing(name, pairs[key], side) for key in order]
        for name, row in table.items()
    }
    keys = sorted({key for pair in pairs.values() for key, _ in pair.auxiliary})
    return AssembledPairs(
        series={name: _series(row) for name, row in rows.items()},
        reasons={name: tuple(one.reason for one in row) for name, row in rows.items()},
        auxiliary={
            key: np.array([dict(pairs[place].auxiliary).get(key, np.nan) for place in order], np.float64)
            for key in keys
        },
        matrix_side=side,
    )


def _level(rows: Iterable[Mapping[tuple[int, int], PairMeasurement]], key: tuple[int, int]) -> float:
    """Mean signal of a pair over the amplifiers that have one (adu); without any, the pair comes last."""
    means = [row[key].mean for row in rows if key in row and np.isfinite(row[key].mean)]
    return float(np.mean(means)) if means else np.inf


def _missing(name: str, pair: PairDescription, side: int) -> PairMeasurement:
    """Stand-in for a measurement that nobody made."""
    nan, square = float("nan"), np.full((side, side), np.nan)
    nothing = np.zeros((side, side), np.int64)
    return PairMeasurement(
        name, pair, nan, nan, nan, square, np.zeros((side, side)), nothing, nan, nan, reason=NOT_MEASURED
    )


def _series(row: Sequence[PairMeasurement]) -> AmplifierSeries:
    """Series out of the measurements of one amplifier."""
    n = len(row)
    counts = [int(one.n_pixels[0, 0]) for one in row if one.reason is None]

    def column(values: Iterable[float]) -> npt.NDArray[np.float64]:
        return np.fromiter(values, np.float64, n)

    return AmplifierSeries(
        exposures=np.array([one.pair.exposures for one in row], np.int64),
        begin_mjd=column(one.pair.begin_mjd for one in row),
        exposure_times=column(one.pair.exposure_time for one in row),
        means=column(one.mean for one in row),
        variances=column(one.variance for one in row),
        deltas=column(one.delta for one in row),
        row_mean_variances=column(one.row_mean_variance for one in row),
        gains=column(one.gain for one in row),
        overscan_noise=column(one.reading.overscan_noise for one in row),
        overscan_medians=column(one.reading.overscan_median for one in row),
        offsets=column(one.reading.offset for one in row),
        histogram_variances=np.full(n, np.nan),
        histogram_chi_squared=np.full(n, np.nan),
        gaussian_probabilities=np.ones(n),
        photo_charges=column(one.pair.photo_charge for one in row),
        photo_charge_deltas=column(one.pair.photo_charge_delta for one in row),
        covariances=np.stack([one.covariances for one in row]),
        sqrt_weights=np.stack([one.sqrt_weights for one in row]),
        n_pixels=int(np.median(counts)) if counts else 0,
    )
