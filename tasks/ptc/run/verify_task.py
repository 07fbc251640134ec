"""The verification of a photon transfer curve as a PipelineTask."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from astropy.table import Table
from lsst.daf.butler import DatasetRef, DeferredDatasetHandle
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.errors import CalprodError
from tasks.combine.connections import (
    leave_out_unused,
    optional_calibration,
    optional_table,
    raws_input,
    statistics_output,
)
from tasks.combine.lookups import candidate_and_former
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.flat_pairs.config import SequenceConfig
from tasks.flat_pairs.model import PairMeasurement
from tasks.flat_pairs.reading import FlatReader, paired, read_raw_of
from tasks.flat_pairs.sequence import measure_sequence
from tasks.isr.steps import Purpose
from tasks.ptc.algorithm import PhotonTransferCurve, from_table
from tasks.ptc.verify import Evidence, product_statistics
from tasks.verification.pipeline_task import ProductVerificationConfig, ProductVerificationTask
from tasks.verification.quantum import detector_record, input_exposures

__all__ = ["VerifyPtcTask"]

_DIMENSIONS = ("instrument", "detector")


class VerifyPtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """The curve under test in, with flats that may hold pairs it was not made from; statistics out."""

    raws = raws_input("Flats: the inputs of the curve and, in pairs, others.")
    # One dataset type cannot have two connections.
    curves = replace(
        optional_table("ptc", "The curve under test, and the one in use until now, if there is one."),
        minimum=1,
        multiple=True,
        lookupFunction=candidate_and_former,
    )
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
        leave_out_unused(self, config.isr)


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
        """Read the curves, and the pairs that are new to the one under test."""
        read = read_priors(butlerQC, inputRefs)
        # A graph does not keep the order of the search; the curve under test is the one made last.
        curves: list[tuple[Table, DatasetRef]] = sorted(
            ((butlerQC.get(ref), ref) for ref in inputRefs.curves),
            key=lambda one: str(one[0].meta.get("CALIB_CREATION_DATETIME", "")),
            reverse=True,
        )
        candidate, ref = curves[0]
        former = self._former(*curves[1]) if len(curves) > 1 else None
        priors = Priors(read.calibrations, read.cards, {**read.uuids, self.candidate: str(ref.id)})
        handles: Sequence[DeferredDatasetHandle] = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        evidence = Evidence(self._held_out(handles, input_exposures(candidate), priors), former)
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

    def _former(self, table: Table, ref: DatasetRef) -> PhotonTransferCurve | None:
        """Read the curve in use until now; one that cannot be read is no reason not to judge the new one."""
        try:
            return from_table(table)
        except CalprodError as error:
            self.log.warning("nothing is held against ptc %s of %s: %s", ref.id, ref.run, error)
            return None

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
