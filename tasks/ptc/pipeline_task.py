"""The photon transfer curve as a PipelineTask, for itself and for the linearizer, and its verification."""

import math
from typing import ClassVar

from lsst.pex.config import ConfigField, Field
from lsst.pipe.base import (
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from tasks.combine.connections import (
    leave_out_unused,
    optional_calibration,
    optional_table,
    raws_input,
    table_output,
)
from tasks.flat_pairs.config import SequenceConfig
from tasks.flat_pairs.radial_profile import with_radius
from tasks.flat_pairs.sequence import MeasuredSequence
from tasks.isr.steps import Purpose
from tasks.ptc.algorithm import FitType, PhotonTransferCurve, to_table
from tasks.ptc.run.config import GainRatioConfig, SolveConfig
from tasks.ptc.run.pairs_task import PairsTask
from tasks.ptc.run.product import adjustment_cards, binned_table
from tasks.ptc.run.verify_task import VerifyPtcTask
from tasks.ptc.solve.adjustment import adjust_to_flats, adjustment_table

__all__ = ["LinearizerPtcConfig", "LinearizerPtcTask", "PtcConfig", "PtcTask", "VerifyPtcTask"]

_DIMENSIONS = ("instrument", "detector")


def _detector_table(name: str, doc: str) -> connection.Output:
    return connection.Output(doc=doc, name=name, storageClass="ArrowAstropy", dimensions=_DIMENSIONS)


class PtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats of one detector in, one photon transfer curve out."""

    raws = raws_input("Pairs of flats at many levels, of one filter.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    linearizer = optional_table("linearizer", "Non-linearity to correct for.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    dark = optional_calibration("dark", "Dark (adu/s) to subtract, in the order of 2024-04.")
    output = table_output("ptc", "Photon transfer curve, a row per amplifier.")
    summary = _detector_table("ptcAdjustmentSummary", "Ratios to which the gains were adjusted.")

    def __init__(self, *, config: "PtcConfig") -> None:
        if not config.adjust_gains:
            del self.summary
        if config.isr.order != "2024-04":
            del self.dark
        leave_out_unused(self, config.isr)


class PtcConfig(PipelineTaskConfig, SequenceConfig, SolveConfig, pipelineConnections=PtcConnections):
    """Settings of the photon transfer curve."""

    adjust_gains = Field[bool](
        dtype=bool, default=True, doc="Adjust the gains so that flats show no step between amplifiers."
    )
    gain_ratio = ConfigField[GainRatioConfig](dtype=GainRatioConfig, doc="How the gains are adjusted.")


class PtcTask(PairsTask):
    """Measure gain, read noise, covariances and turnoff of every amplifier of a detector.

    Notes
    -----
    An amplifier that cannot be fitted is in the output with its reason (BAD_AMPS, BAD_REASON); exposures
    without a partner are named in cards ``CALPROD PTC UNPAIRED <exposure ID>``.
    """

    ConfigClass = PtcConfig
    _DefaultName: ClassVar[str] = "ptc"
    purpose: ClassVar[Purpose] = "ptc"

    def finish(self, sequence: MeasuredSequence, curve: PhotonTransferCurve) -> Struct:
        """Adjust the gains to each other, and make tables."""
        if not self.config.adjust_gains:
            return Struct(output=to_table(curve))
        settings, grid = self.config.gain_ratio.settings(sequence.instrument), sequence.grid
        if settings.radial_nodes:
            grid = with_radius(grid, sequence.instrument, sequence.layout)
        adjusted = adjust_to_flats(curve, grid, sequence.binned, settings)
        if adjusted.reason is not None:
            self.log.warning("gains are not adjusted: %s", adjusted.reason)
        table = to_table(adjusted.curve)
        table.meta.update(adjustment_cards(adjusted))
        return Struct(output=table, summary=adjustment_table(adjusted))

    def binned_means(self) -> tuple[float, float]:
        """Return the range that the adjustment takes."""
        return self.config.gain_ratio.means() if self.config.adjust_gains else (math.inf, -math.inf)


class LinearizerPtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats of one detector in, their levels and binned images out."""

    raws = raws_input("Pairs of flats at many levels, of one filter.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    output = table_output("linearizerPtc", "Levels of every amplifier, with a first guess of the gains.")
    binned = _detector_table("linearizerPtcBinned", "Binned images of every exposure.")


class LinearizerPtcConfig(
    PipelineTaskConfig, SequenceConfig, SolveConfig, pipelineConnections=LinearizerPtcConnections
):
    """Settings of the levels that the linearizer is solved from."""

    def setDefaults(self) -> None:
        """Measure variances only: nothing but gain and turnoff is needed before linearity is known."""
        self.n_lags = 1
        self.fit_type = FitType.EXPONENTIAL.value


class LinearizerPtcTask(PairsTask):
    """Measure the levels of pairs of flats before linearity is corrected.

    Notes
    -----
    ``output`` (dataset type linearizerPtc, AstropyTable) has the columns of a photon transfer curve, a row
    per amplifier in the detector's order. Per pair, by rising mean: INPUT_EXP_ID_PAIRS (n, 2) with the
    earlier exposure first, RAW_EXP_TIMES (s), RAW_MEANS (adu), RAW_DELTAS (second less first, adu),
    EXP_ID_MASK (pairs that follow the curve), INPUT_EXP_PAIR_MJD_START, PHOTO_CHARGE and PHOTO_CHARGE_DELTAS
    (NaN without a photodiode), PTCAUX_<card>. Per amplifier: GAIN, NOISE (electron), PTC_TURNOFF (adu),
    BAD_REASON.

    ``binned`` (linearizerPtcBinned, ArrowAstropy) has a row per bin of 8 × 8 pixels: ``amp_index`` (place of
    the amplifier in the rows of ``output``), ``xd`` and ``yd`` (middle of the bin in the trimmed image,
    pixels), and a column ``value_<exposure ID>`` (float32, adu, NaN where less than half a bin is usable) for
    each exposure of INPUT_EXP_ID_PAIRS. Bins lie within amplifiers, whose border of ``edge`` pixels has none.
    Exposure times and charges of the two of a pair follow from means and differences in ``output``.
    """

    ConfigClass = LinearizerPtcConfig
    _DefaultName: ClassVar[str] = "linearizerPtc"
    purpose: ClassVar[Purpose] = "linearizerPtc"

    def finish(self, sequence: MeasuredSequence, curve: PhotonTransferCurve) -> Struct:
        """Make tables."""
        return Struct(output=to_table(curve), binned=binned_table(sequence.grid, sequence.binned))

    def binned_means(self) -> tuple[float, float]:
        """Return an endless range: all are needed."""
        return -math.inf, math.inf
