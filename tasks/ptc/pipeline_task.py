"""The photon transfer curve as a PipelineTask: for itself, and as what the linearizer is solved from."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import ConfigField, Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.ledger.clock import now
from tasks.combine.connections import optional_calibration, optional_table, raws_input, table_output
from tasks.combine.priors import Priors, read_priors
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.ptc.algorithm import (
    FitType,
    PairBy,
    Pairing,
    PhotonTransferCurve,
    pair_exposures,
    solve_curve,
    to_table,
)
from tasks.ptc.extract.sequence import Flat, MeasuredSequence, measure_sequence
from tasks.ptc.run.config import GainRatioConfig, SequenceConfig, SolveConfig
from tasks.ptc.run.product import adjustment_cards, binned_table, curve_cards
from tasks.ptc.run.reading import ReadRaw, check_pairs, correct_flat, flat_exposures, read_raw_of
from tasks.ptc.solve.adjustment import adjust_to_flats, adjustment_table

__all__ = ["LinearizerPtcConfig", "LinearizerPtcTask", "PairsTask", "PtcConfig", "PtcTask"]

_DIMENSIONS = ("instrument", "detector")


def _detector_table(name: str, doc: str) -> connection.Output:
    return connection.Output(doc=doc, name=name, storageClass="ArrowAstropy", dimensions=_DIMENSIONS)


class PtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats of one detector in, one photon transfer curve out."""

    raws = raws_input("Pairs of flats at many levels, of one filter.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    linearizer = optional_table("linearizer", "Non-linearity to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    output = table_output("ptc", "Photon transfer curve, a row per amplifier.")
    summary = _detector_table("ptcAdjustmentSummary", "Ratios to which the gains were adjusted.")

    def __init__(self, *, config: "PtcConfig") -> None:
        if not config.adjust_gains:
            del self.summary


class PtcConfig(PipelineTaskConfig, SequenceConfig, SolveConfig, pipelineConnections=PtcConnections):
    """Settings of the photon transfer curve."""

    adjust_gains = Field[bool](
        dtype=bool, default=True, doc="Adjust the gains so that flats show no step between amplifiers."
    )
    gain_ratio = ConfigField[GainRatioConfig](dtype=GainRatioConfig, doc="How the gains are adjusted.")


class PairsTask(PipelineTask):
    """Measure pairs of flats of one detector, and solve what they tell.

    Each raw is read once: pairs are found from the exposure records, then read, corrected and measured one
    after the other, so that no more than two exposures are in memory. Rubin cp_pipe has three tasks for it
    (extract, solve, adjust), with datasets between them.
    """

    purpose: ClassVar[Purpose]
    """Which corrections are made."""

    config: Any
    """With the fields of `SequenceConfig` and `SolveConfig`."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations, stream the pairs through the measurement, and store what comes out."""
        priors = read_priors(butlerQC, inputRefs)
        handles: Sequence[DeferredDatasetHandle] = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no flats to pair")
        flux_card = self.config.flux_card if self.config.pair_by == PairBy.FLUX.value else None
        pairing = pair_exposures(
            flat_exposures(handles, flux_card), PairBy(self.config.pair_by), self.config.pair_tolerance
        )
        butlerQC.put(self.run(pairing, read_raw_of(handles), priors), outputRefs)

    def run(self, pairing: Pairing, read: ReadRaw, priors: Priors | None = None) -> Struct:
        """Measure pairs of flats and solve them.

        Parameters
        ----------
        pairing
            Pairs, and exposures left over.
        read
            Reads a raw, given the exposure ID; each is asked for once.
        priors
            Calibrations to apply before.

        Returns
        -------
        Struct
            ``output``, the table of the curve, and the tables of the other connections.

        Raises
        ------
        CalprodError
            There are fewer than two pairs.
        """
        sequence = self._measure(pairing, read, priors or Priors())
        cards = curve_cards(sequence, pairing.unpaired, edge=self.config.edge, created=now())
        curve = solve_curve(
            sequence.measurements, self.config.solve_settings(), cards, sequence.overscan_variance
        )
        result = self.finish(sequence, curve)
        for one in curve.amplifiers:
            if one.reason is not None:
                self.log.warning("amplifier %s is bad: %s", one.name, one.reason)
        self.log.info(
            "solved %d pairs of detector %d: %d of %d amplifiers are good",
            len(pairing.pairs),
            sequence.layout.id,
            len(curve.amplifiers) - len(curve.bad_amplifiers),
            len(curve.amplifiers),
        )
        return result

    @abstractmethod
    def finish(self, sequence: MeasuredSequence, curve: PhotonTransferCurve) -> Struct:
        """Return what is stored of a solved sequence."""

    @abstractmethod
    def binned_means(self) -> tuple[float, float]:
        """Return the range of means (adu) of exposures that are kept as binned images."""

    def _measure(self, pairing: Pairing, read: ReadRaw, priors: Priors) -> MeasuredSequence:
        """Stream the pairs through the measurement."""
        for left_over in pairing.unpaired:
            self.log.warning("exposure %d is in no pair: it %s", left_over.exposure, left_over.reason)
        # One workspace for each of a pair: the two are in memory together, and no third.
        workspaces = Workspace(), Workspace()

        def take(exposure: int, place: int) -> Flat:
            flat = correct_flat(read(exposure), self.purpose, self.config.isr, priors, workspaces[place])
            self.log.verbose("corrected exposure %d", exposure)
            return flat

        settings = self.config.sequence_settings(self.binned_means())
        return measure_sequence(check_pairs(pairing), take, settings)


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
        adjusted = adjust_to_flats(curve, sequence.grid, sequence.binned, self.config.gain_ratio.settings())
        if adjusted.reason is not None:
            self.log.warning("gains are not adjusted: %s", adjusted.reason)
        table = to_table(adjusted.curve)
        table.meta.update(adjustment_cards(adjusted))
        return Struct(output=table, summary=adjustment_table(adjusted))

    def binned_means(self) -> tuple[float, float]:
        """Return the range that the adjustment takes."""
        return self.config.gain_ratio.settings().means if self.config.adjust_gains else (math.inf, -math.inf)


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
