"""How a kernel is made of covariances."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["KernelSettings", "Level", "Source", "ZeroSum"]


class Source(StrEnum):
    """What the source of the kernel is taken from."""

    MEAN = "MEAN"
    """Clipped mean over the levels of the scaled correlations (Coulton et al. 2018, AJ 155, 258)."""
    QUADRATIC = "QUADRATIC"
    """Slope of the covariances against the squared signal."""
    A_MATRIX = "A_MATRIX"
    """The a-matrix of the covariance fit: correlations at no signal."""
    MODEL = "MODEL"
    """The covariance fit at one signal (Broughton et al. 2024, PASP 136, 045003)."""


class Level(StrEnum):
    """What a kernel is of."""

    AMPLIFIER = "AMP"
    """One for each amplifier."""
    DETECTOR = "DETECTOR"
    """One for all, from the correlations of all."""


class ZeroSum(StrEnum):
    """How the source is made to sum to zero: what a pixel loses its neighbours gain."""

    NONE = "NONE"
    """It is not."""
    CENTRE = "CENTRE"
    """The central value takes the whole sum (cp_pipe), and with it the errors of all lags: with 8 lags these
    make its error twenty times larger."""
    ALL_LAGS = "ALL_LAGS"
    """Least squares: each lag takes a part in proportion to its variance, the centre next to none."""


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """How kernels are solved."""

    source: Source = Source.MEAN
    """What the source is taken from."""
    level: Level = Level.AMPLIFIER
    """What a kernel is of."""
    signal: float = 25_000.0
    """Signal at which the fitted covariances are taken (electron), for `Source.MODEL`."""
    lowest_signal: float = 10_000.0
    """Levels below it take no part (electron): there photon noise exceeds any correlation. 0 in cp_pipe."""
    highest_signal: float = float("inf")
    """Levels above it take no part (electron)."""
    subtract_noise: bool = True
    """Take the covariances of the read noise out. cp_pipe leaves them in: with 7 electron a00 is then 2 % too
    small at 30 000 electron, and a fifth at 10 000."""
    n_sigma: float = 5.0
    """Half-width of the clip over the levels, and over the amplifiers."""
    n_iterations: int = 3
    """Passes of the clip."""
    largest_imbalance: float = 0.9
    """Largest |sum| of a level's correlations over the sum of their sizes. What a pixel loses its neighbours
    gain, so the ratio is small; it nears 1 where one gradient makes all covariances positive. cp_pipe asks
    for 2, which no numbers exceed."""
    zero_sum: ZeroSum = ZeroSum.CENTRE
    """How the source, with its tail, is made to sum to zero."""
    tail_radius: int | None = None
    """Lag at which a power law is fixed that continues the correlations beyond those measured; None for no
    tail (cp_pipe: a radius beyond those measured)."""
    tail_slope: float = -1.35
    """Half the power of that law: correlations go with distance^(2 slope). Below -1, or they have no sum."""
    check_validity: bool = True
    """Judge each kernel, see `tasks.brighter_fatter.kernel.validity`."""
    edge_tolerance: float = 0.025
    """Largest value at the edge of a valid kernel, in units of that of the centre."""
    maximum_tolerance: float = 0.025
    """Largest positive value of a valid kernel, in units of that of the centre."""
    ignored_amplifiers: tuple[str, ...] = ()
    """Amplifiers that take no part in the detector's kernel."""
