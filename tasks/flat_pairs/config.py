"""What a pipeline may change of the measurement of pairs of flats."""

import math
import os

from lsst.pex.config import ChoiceField, Config, ConfigField, Field, ListField, RangeField

from tasks.flat_pairs.pair_statistics import ExtractSettings
from tasks.flat_pairs.pairing import PairBy
from tasks.flat_pairs.sequence import SequenceSettings
from tasks.isr.config import IsrConfig

__all__ = ["SequenceConfig"]


class SequenceConfig(Config):
    """Settings of the measurement of pairs of flats."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied to each flat.")
    pair_by = ChoiceField[str](
        dtype=str,
        default=PairBy.TIME.value,
        allowed={
            PairBy.TIME.value: "Equal exposure time.",
            PairBy.FLUX.value: "Equal flux asked of the lamp, see flux_card.",
            PairBy.EXPOSURE.value: "Consecutive exposures.",
        },
        doc="What the two flats of a pair have in common.",
    )
    pair_tolerance = RangeField(
        dtype=float, default=5e-3, min=0.0, doc="Largest difference called equal (s, or unit of the flux)."
    )
    flux_card = Field[str](dtype=str, default="CCOBFLUX", doc="Card with the flux asked of the lamp.")
    photodiode_card = Field[str](
        dtype=str,
        default=None,
        optional=True,
        doc="Card with the charge of the monitoring photodiode; None where there is none.",
    )
    auxiliary_cards = ListField[str](
        dtype=str, default=[], doc="Cards with numbers that are carried along as PTCAUX_ columns."
    )
    n_lags = RangeField(
        dtype=int, default=8, min=1, doc="Number of lags of the covariances in each direction, 0 among them."
    )
    edge = RangeField(
        dtype=int, default=20, min=0, doc="Border of each amplifier that takes no part (pixels)."
    )
    minimum_pixels = RangeField(
        dtype=int, default=10_000, min=1, doc="Usable pixels below which a pair tells nothing."
    )
    largest_imbalance = RangeField(
        dtype=float, default=0.1, min=0.0, doc="Largest difference of the two means, relative to their mean."
    )
    bin_size = RangeField(dtype=int, default=8, min=1, doc="Side of a block of the binned images (pixels).")
    n_threads = Field[int](
        dtype=int, default=0, doc="Amplifiers measured at a time; 0 for one per core. The result is the same."
    )

    def sequence_settings(
        self, binned_means: tuple[float, float] = (-math.inf, math.inf)
    ) -> SequenceSettings:
        """Return how the pairs are measured, and which exposures are kept as binned images (adu)."""
        return SequenceSettings(
            extract=ExtractSettings(
                matrix_side=self.n_lags,
                minimum_pixels=self.minimum_pixels,
                edge=self.edge,
                largest_imbalance=self.largest_imbalance,
            ),
            bin_size=self.bin_size,
            binned_means=binned_means,
            photodiode_card=self.photodiode_card,
            auxiliary_cards=tuple(self.auxiliary_cards),
            n_threads=self.n_threads or os.cpu_count() or 1,
        )
