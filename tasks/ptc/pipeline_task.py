"""The photon transfer curve as a PipelineTask, for itself and for the linearizer, and its verification."""

import math
from collections.abc import Sequence
from typing import ClassVar

from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import ConfigField, Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from tasks.combine.connections import (
    optional_calibration,
    optional_table,
    raws_input,
    statistics_output,
    table_output,
    table_prerequisite,
)
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.flat_pairs.config import SequenceConfig
from tasks.flat_pairs.model import PairMeasurement
from tasks.flat_pairs.radial_profile import with_radius
from tasks.flat_pairs.reading import FlatReader, paired, read_raw_of
from tasks.flat_pairs.sequence import MeasuredSequence, measure_sequence
from tasks.isr.steps import Purpose
from tasks.ptc.algorithm import FitType, PhotonTransferCurve, to_table
from tasks.ptc.run.config import GainRatioConfig, SolveConfig
from tasks.ptc.run.pairs_task import PairsTask
from tasks.ptc.run.product import adjustment_cards, binned_table
from tasks.ptc.solve.adjustment import adjust_to_flats, adjustment_table
from tasks.ptc.verify import Evidence, product_statistics
from tasks.verification.pipeline_task import ProductVerificationConfig, ProductVerificationTask
from tasks.verification.quantum import detector_record, input_exposures, read_candidate

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
        if not config.isr.may_apply("cti"):
            del self.cti


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


class VerifyPtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """The curve under test in, with flats that may hold pairs it was not made from; statistics out."""

    raws = raws_input("Flats: the inputs of the curve and, in pairs, others.")
    ptc = table_prerequisite("ptc", "The curve under test.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    linearizer = optional_table("linearizer", "Non-linearity to correct for.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    dark = optional_calibration("dark", "Dark (adu/s) to subtract, in the order of 2024-04.")
    statistics = statistics_output("verifyPtcStatistics")

    def __init__(self, *, config: "VerifyPtcConfig") -> None:
        if config.isr.order != "2024-04":
            del self.dark
        if not config.isr.may_apply("cti"):
            del self.cti


class VerifyPtcConfig(
    PipelineTaskConfig, SequenceConfig, ProductVerificationConfig, pipelineConnections=VerifyPtcConnections
):
    """Settings of the verification of a photon transfer curve; pairs are measured as for the curve itself."""


class VerifyPtcTask(ProductVerificationTask):
    """Judge a photon transfer curve by itself, and by pairs that it was not made from.

    Of the flats only those are read that did not go into the curve, and have a partner.
    """

    ConfigClass = VerifyPtcConfig
    _DefaultName: ClassVar[str] = "verifyPtc"
    candidate: ClassVar[str] = "ptc"
    purpose: ClassVar[Purpose] = "verifyPtc"

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the curve, and the pairs that are new to it."""
        candidate, priors = read_candidate(
            butlerQC, inputRefs, self.candidate, read_priors(butlerQC, inputRefs)
        )
        handles: Sequence[DeferredDatasetHandle] = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        evidence = Evidence(self._held_out(handles, input_exposures(candidate), priors))
        # One raw more, for the detector's layout, if every flat went into the curve.
        first = next(raw_inputs(handles[:1]))
        butlerQC.put(self.judge(first, candidate, priors, evidence), outputRefs)

    def judge(self, raw: RawInput, candidate: Table, priors: Priors, evidence: Evidence) -> Struct:
        """Measure a curve.

        Parameters
        ----------
        raw
            Any raw of the detector, for its layout.
        candidate
            The curve under test.
        priors
            Calibrations read, with their UUIDs.
        evidence
            What it is judged with.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`.
        """
        layout = raw.raw.layout
        product = product_statistics(candidate, layout, evidence)
        for name, reason in product.problems.items():
            self.log.warning("amplifier %s is bad: %s", name, reason)
        record = detector_record(
            self.candidate, candidate, layout, priors.uuids, (), product, self.config.header_keys
        )
        self.log.info("measured the curve of detector %d", layout.id)
        return Struct(statistics=record.plain())

    def _held_out(
        self, handles: Sequence[DeferredDatasetHandle], inputs: frozenset[int], priors: Priors
    ) -> tuple[PairMeasurement, ...]:
        """Measure the pairs that did not go into the curve."""
        new = [handle for handle in handles if int(handle.dataId["exposure"]) not in inputs]
        pairs = paired(new, self.config).pairs
        if not pairs:
            return ()
        reader = FlatReader(read_raw_of(new), self.purpose, self.config.isr, priors)
        settings = self.config.sequence_settings((math.inf, -math.inf))
        return measure_sequence(pairs, reader.take, settings).measurements
