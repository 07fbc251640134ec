"""What a pipeline may change of the photon transfer curve."""

from lsst.pex.config import ChoiceField, Config, Field, RangeField

from tasks.flat_pairs.amplifier_ratios import light_of_camera
from tasks.ptc.algorithm import FitType, OutlierSettings, SolveSettings
from tasks.ptc.solve.gain_ratio import GainRatioSettings

__all__ = ["GainRatioConfig", "SolveConfig"]


class SolveConfig(Config):
    """Settings of the fit of the curve."""

    fit_type = ChoiceField[str](
        dtype=str,
        default=FitType.EXPONENTIAL.value,
        allowed={
            FitType.EXPONENTIAL.value: "Variance against mean; only nearest effects.",
            FitType.FULL.value: "All covariances against the mean.",
            FitType.FULL_NO_B.value: "All covariances with b = 0.",
        },
        doc="Model that gives gain and noise; the exponential one is always fitted first.",
    )
    fit_lags = Field[int](
        dtype=int, default=None, optional=True, doc="Lags of the covariance fit; None for all measured."
    )
    lowest_mean = Field[float](
        dtype=float, default=0.0, doc="Pairs at or below this mean are left out (adu)."
    )
    highest_mean = Field[float](dtype=float, default=1e6, doc="Pairs at or above this are left out (adu).")
    n_sigma = RangeField(
        dtype=float, default=5.0, min=1.0, doc="Largest residual of a kept pair, in units of √variance."
    )
    model_rolloff = Field[bool](
        dtype=bool, default=False, doc="Fit the bend below the turnoff, and leave out what lies above it."
    )
    rolloff_tolerance = RangeField(
        dtype=float, default=0.01, min=0.0, doc="Fraction of the variance that the bend may take."
    )
    long_range_from = Field[int](
        dtype=int,
        default=None,
        optional=True,
        doc="Lag from which covariances count as long-range and are subtracted; None leaves them.",
    )

    def solve_settings(self) -> SolveSettings:
        """Return how the curve is fitted."""
        return SolveSettings(
            fit_type=FitType(self.fit_type),
            fit_side=self.fit_lags,
            lowest_mean=self.lowest_mean,
            highest_mean=self.highest_mean,
            outliers=OutlierSettings(n_sigma=self.n_sigma),
            model_rolloff=self.model_rolloff,
            rolloff_tolerance=self.rolloff_tolerance,
            long_range_from=self.long_range_from,
        )


class GainRatioConfig(Config):
    """Settings of the adjustment of the gains to each other."""

    n_flats = RangeField(dtype=int, default=50, min=1, doc="Most flats used.")
    lowest_mean = Field[float](dtype=float, default=1000.0, doc="Lowest mean of a flat used (adu).")
    highest_mean = Field[float](dtype=float, default=20_000.0, doc="Highest mean of a flat used (adu).")
    seed = Field[int](dtype=int, default=12345, doc="Seed of the choice among more flats.")
    order = RangeField(
        dtype=int,
        default=None,
        optional=True,
        min=0,
        doc="Order of the illumination in each direction; None for the camera's: 1 beside a profile, else 2.",
    )
    radial_nodes = RangeField(
        dtype=int,
        default=None,
        optional=True,
        min=0,
        doc="Nodes of a profile of the light in the distance from the middle of the focal plane, 0 for none; "
        "None for the camera's: 20 for LSSTCam and LSSTComCam, 0 for others.",
    )
    highest_noise = Field[float](
        dtype=float, default=12.0, doc="Highest read noise of the reference amplifier (electron)."
    )

    def means(self) -> tuple[float, float]:
        """Return the range of the means of the flats used (adu)."""
        return self.lowest_mean, self.highest_mean

    def settings(self, instrument: str) -> GainRatioSettings:
        """Return how gain ratios are found for a camera."""
        order, radial_nodes = light_of_camera(instrument)
        return GainRatioSettings(
            n_flats=self.n_flats,
            means=self.means(),
            seed=self.seed,
            order=order if self.order is None else self.order,
            radial_nodes=radial_nodes if self.radial_nodes is None else self.radial_nodes,
            highest_noise=self.highest_noise,
        )
