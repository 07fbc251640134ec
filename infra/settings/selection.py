"""Selection rules: which exposures go into a calibration, and which test it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel

__all__ = ["PairSelection", "QualityLimits", "SelectionSettings", "VerificationSampling"]

type Fraction = Annotated[float, Field(ge=0, le=1)]
type Positive = Annotated[float, Field(gt=0)]


class QualityLimits(SettingsModel):
    """What the quick statistics of a raw must show for it to enter a calibration; None leaves a check out.

    A departure is measured from the median of the frame's set. It counts when it is beyond the limit named
    here *and* beyond ``n_sigma`` robust standard deviations of the set, so that neither a very steady nor a
    noisy set raises false alarms. A lit frame (a flat) is judged by fractions, an unlit one in adu.
    """

    n_sigma: Positive = 8.0
    """Robust standard deviations (1.4826 × median absolute deviation) by which a departing frame is off."""
    level_range: tuple[float, float] | None = None
    """Smallest and largest median level above the overscan (adu); None for what the type of frame allows:
    a flat has at least 100 adu, a bias or dark at most 300 adu."""
    maximum_level_departure: Positive | None = 4.0
    """Unlit: largest distance of the level, of a detector or amplifier, from the median of the set (adu)."""
    maximum_level_departure_fraction: Positive | None = 0.05
    """Lit: largest distance of the level from the median of the set, as a fraction of it: illumination."""
    maximum_drift_fraction: Positive | None = 0.10
    """Lit: largest change of the level from the first to the last frame of a set, as a fraction."""
    maximum_amplifier_departure_fraction: Positive | None = 0.02
    """Lit: largest change of one amplifier against the rest of its detector, as a fraction."""
    maximum_gradient_departure: Positive | None = 0.02
    """Lit: largest change of the left-right or bottom-top gradient, as a fraction of the level."""
    maximum_corner_excess: Positive | None = 6.0
    """Unlit: largest excess of the readout corners over the set's (adu)."""
    maximum_pedestal_departure: Positive | None = 20.0
    """Largest distance of an amplifier's overscan level from the median of the set (adu)."""
    maximum_noise_ratio: Annotated[float, Field(gt=1)] | None = 1.5
    """Largest ratio of an amplifier's overscan noise to the median of the set."""
    maximum_saturated_fraction: Fraction | None = 0.01
    """Largest fraction of saturated pixels."""
    maximum_nan_fraction: Fraction | None = 1e-4
    """Largest fraction of pixels that are not finite."""

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.level_range is not None and not self.level_range[0] < self.level_range[1]:
            raise ValueError("expected level_range to be [smallest, largest]")
        return self


class VerificationSampling(SettingsModel):
    """Which exposures that are not inputs test the calibration."""

    first_exposures: bool = True
    """Whether the dropped first exposures of sets are among them."""
    other_days: Annotated[int, Field(ge=0)] = 10
    """How many other days to draw from, the nearest first."""
    every_nth: Annotated[int, Field(ge=1)] = 5
    """Which exposures of other days: every n-th."""
    maximum: Annotated[int, Field(ge=0)] = 20
    """Largest number of exposures of other days; those of the same day that suit all verify."""


class PairSelection(SettingsModel):
    """How pairs of flats are chosen for a photon transfer curve or a linearizer.

    A sequence of pairs is flats of one filter and camera state, two of each exposure time in succession, over
    many exposure times in whatever order; biases and darks may stand between. One group per sequence, per
    pair or per exposure are all understood. Saturated pairs are wanted: they show where full well is.
    """

    minimum_pairs: Annotated[int, Field(ge=1)] = 10
    """Fewest pairs; fewer is a shortage and nothing is made."""
    target_pairs: Annotated[int, Field(ge=1)] | None = None
    """Pairs to use, spread evenly over the levels; None for all."""
    minimum_levels: Annotated[int, Field(ge=1)] = 5
    """Fewest exposure times that the pairs must cover."""
    exposure_time_tolerance: Annotated[float, Field(ge=0)] = 5e-3
    """Largest difference of exposure time within a pair (s) (Rubin cp_pipe, ``matchExposuresByExpTime``)."""
    maximum_pair_departure: Positive | None = 0.02
    """Largest difference of level between the two of a pair, as a fraction; None for any."""
    maximum_level_departure: Positive | None = 0.05
    """Largest departure of a level from the sequence's line of level against exposure time, as a fraction;
    what saturates may fall below it. None for any."""
    maximum_lamp_drift: Positive | None = 0.03
    """Change of the lamp over the sequence that is worth a warning, as a fraction; None for never."""
    hold_out_every: Annotated[int, Field(ge=2)] | None = 6
    """Which pairs, by rising level, are kept out for verification: every n-th, where enough remain; never the
    faintest or the brightest. None for none."""

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        fewest, most = self.minimum_pairs, self.target_pairs
        if most is not None and fewest > most:
            raise ValueError(f"expected minimum_pairs ({fewest}) to be at most target_pairs ({most})")
        return self


class SelectionSettings(SettingsModel):
    """How the exposures of one calibration are chosen: one even set or, with ``pairs``, a ramp of pairs."""

    target: Annotated[int, Field(ge=1)] = 20
    """Exposures to combine: 20 keeps the noise added by the calibration below 2.5 % (DMTN-101)."""
    minimum: Annotated[int, Field(ge=1)] = 10
    """Fewest exposures to combine; fewer is a shortage and nothing is made."""
    drop_first: Annotated[int, Field(ge=0)] = 1
    """How many exposures at the start of each set never enter: the clearing before them is incomplete."""
    same_state: bool = True
    """Whether the camera-state keys of the profile must agree within a set."""
    observation_reasons: tuple[str, ...] | None = None
    """Observation reasons accepted, such as ``bias``; None for any. For pairs the science program counts as
    well, and what is accepted needs no further sign of being a sequence of pairs."""
    filters: tuple[str, ...] | None = None
    """Physical filters to make the calibration for, or in; None for every one the day holds."""
    bands: tuple[str, ...] | None = None
    """The same by band, such as ``z`` and ``y``: every filter of the day that has one of them."""
    single_filter: bool = False
    """Whether a calibration per filter is made in one filter only: the one with most usable exposures."""
    when_taken: bool = False
    """Whether a day without any exposure of the kind, or without a sequence of pairs, lacks nothing."""
    pairs: PairSelection | None = None
    """How pairs are chosen, for what is made from a ramp of flats in pairs; ``target``, ``minimum``,
    ``drop_first`` and ``exposure_time_tolerance`` then have no effect. None for an even set."""
    sets: Literal["largest", "latest", "all"] = "largest"
    """Which set, or sequence of pairs, of the day to use when several would do. ``all``: exposures of the
    sky, taken as the night's program had it, or flats of many levels without partners, are one set whatever
    pauses, groups and exposure times they have; ``drop_first`` may then be 0."""
    gap_seconds: Positive = 600.0
    """Pause between exposures that begins a new set (s), or a new sequence of pairs that share no group."""
    exposure_time_tolerance: Annotated[float, Field(ge=0)] = 0.05
    """Largest difference of exposure time within a set (s)."""
    exposure_time_range: tuple[float, float] | None = None
    """Shortest and longest exposure time accepted (s); None for any."""
    minimum_exposure_time: Positive | None = None
    """Shortest exposure time accepted, without a longest (s); None for any."""
    minimum_level: Annotated[float, Field(gt=0)] | None = None
    """Smallest median level above the overscan that is accepted: light of the sky (adu); None for any."""
    minimum_bright_fraction: Fraction | None = None
    """Smallest fraction of bright pixels accepted, by which frames of bright stars are known; None for any.
    Bright is a fifth of the way from the overscan to saturation; a tenth of a thousandth is some ten stars
    on a detector of 16 million pixels."""
    maximum_bright_fraction: Fraction | None = None
    """Largest fraction of bright pixels accepted: crowded fields leave no sky; None for any."""
    distinct_pointings: Positive | None = None
    """Distance on the sky within which two exposures have their stars on the same pixels (arcsec): of such
    only the first is combined. Exposures of which the pointing is not known all are. None to combine all."""
    verification: VerificationSampling = VerificationSampling()
    """Which exposures test the calibration."""
    quality: QualityLimits = QualityLimits()
    """What the pixels must show."""

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if self.minimum > self.target:
            raise ValueError(f"expected minimum ({self.minimum}) to be at most target ({self.target})")
        return self

    @model_validator(mode="after")
    def _check_sky(self) -> Self:
        fewest, most = self.minimum_bright_fraction, self.maximum_bright_fraction
        if fewest is not None and most is not None and not fewest < most:
            raise ValueError(
                f"expected minimum_bright_fraction ({fewest:g}) to be below maximum_bright_fraction"
                f" ({most:g})"
            )
        if self.bands is not None and self.filters is not None:
            raise ValueError("expected 'bands' or 'filters', not both")
        if self.bands == () or self.filters == ():
            raise ValueError("expected at least one name in 'bands' or 'filters', or no such key")
        shortest, times = self.minimum_exposure_time, self.exposure_time_range
        if shortest is not None and times is not None:
            raise ValueError("expected 'minimum_exposure_time' or 'exposure_time_range', not both")
        if self.pairs is not None and self.sets == "all":
            raise ValueError("expected sets: largest or latest with 'pairs', which are one sequence")
        return self
