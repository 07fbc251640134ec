"""What a pipeline may change of the solution of kernels."""

from lsst.pex.config import ChoiceField, Config, Field, ListField, RangeField

from tasks.brighter_fatter.kernel.settings import KernelSettings, Level, Source, ZeroSum

__all__ = ["SolveConfig"]


class SolveConfig(Config):
    """Settings of the kernels; in brackets Rubin cp_pipe's names."""

    source = ChoiceField[str](
        dtype=str,
        default=Source.MEAN.value,
        allowed={
            Source.MEAN.value: "Clipped mean of the scaled correlations of all levels.",
            Source.QUADRATIC.value: "Slope of the covariances against the squared signal.",
            Source.A_MATRIX.value: "The fitted a-matrix: correlations at no signal.",
            Source.MODEL.value: "The fitted covariances at one signal.",
        },
        doc="What a kernel is solved from (correlationQuadraticFit, useAmatrix, useCovModelSample).",
    )
    level = ChoiceField[str](
        dtype=str,
        default=Level.AMPLIFIER.value,
        allowed={
            Level.AMPLIFIER.value: "A kernel of each amplifier, and their mean.",
            Level.DETECTOR.value: "One kernel from the correlations of all amplifiers.",
        },
        doc="What a kernel is of.",
    )
    signal = RangeField(
        dtype=float,
        default=25_000.0,
        min=0.0,
        doc="Signal at which the fitted covariances are taken (electron; covModelFluxSample).",
    )
    lowest_signal = RangeField(
        dtype=float, default=10_000.0, min=0.0, doc="Levels below it take no part (electron)."
    )
    highest_signal = Field[float](
        dtype=float, default=float("inf"), doc="Levels above it take no part (electron)."
    )
    subtract_noise = Field[bool](
        dtype=bool, default=True, doc="Take the covariances of the read noise out of those of the flats."
    )
    n_sigma = RangeField(
        dtype=float, default=5.0, min=1.0, doc="Half-width of the clip over levels and amplifiers."
    )
    largest_imbalance = RangeField(
        dtype=float,
        default=0.9,
        min=0.0,
        doc="Largest |sum| of a level's correlations over the sum of their sizes (xcorrCheckRejectLevel).",
    )
    zero_sum = ChoiceField[str](
        dtype=str,
        default=ZeroSum.CENTRE.value,
        allowed={
            ZeroSum.NONE.value: "Not at all.",
            ZeroSum.CENTRE.value: "The central value takes the whole sum.",
            ZeroSum.ALL_LAGS.value: "Each lag takes a part in proportion to its variance.",
        },
        doc="How the correlations are made to sum to zero (forceZeroSum).",
    )
    tail_radius = Field[int](
        dtype=int,
        default=None,
        optional=True,
        doc="Lag from which a power law continues the correlations, for their sum (correlationModelRadius).",
    )
    tail_slope = Field[float](
        dtype=float, default=-1.35, doc="Half the power of that law (correlationModelSlope)."
    )
    check_validity = Field[bool](dtype=bool, default=True, doc="Judge every kernel (doCheckValidity).")
    edge_tolerance = RangeField(
        dtype=float, default=0.025, min=0.0, doc="Largest value at a kernel's edge, in units of its centre."
    )
    maximum_tolerance = RangeField(
        dtype=float, default=0.025, min=0.0, doc="Largest positive value, in units of the kernel's centre."
    )
    ignored_amplifiers = ListField[str](
        dtype=str,
        default=[],
        doc="Amplifiers without part in the detector's kernel (ignoreAmpsForAveraging).",
    )

    def settings(self) -> KernelSettings:
        """Return how kernels are solved."""
        return KernelSettings(
            source=Source(self.source),
            level=Level(self.level),
            signal=self.signal,
            lowest_signal=self.lowest_signal,
            highest_signal=self.highest_signal,
            subtract_noise=self.subtract_noise,
            n_sigma=self.n_sigma,
            largest_imbalance=self.largest_imbalance,
            zero_sum=ZeroSum(self.zero_sum),
            tail_radius=self.tail_radius,
            tail_slope=self.tail_slope,
            check_validity=self.check_validity,
            edge_tolerance=self.edge_tolerance,
            maximum_tolerance=self.maximum_tolerance,
            ignored_amplifiers=tuple(self.ignored_amplifiers),
        )
