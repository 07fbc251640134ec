"""The PipelineTask that measures pairs of flats and solves what they tell, whatever is stored of it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from lsst.daf.butler import DeferredDatasetHandle
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from infra.ledger.clock import now
from tasks.combine.priors import Priors, read_priors
from tasks.flat_pairs.reading import FlatReader, ReadRaw, check_pairs, paired, read_raw_of
from tasks.flat_pairs.sequence import MeasuredSequence, measure_sequence
from tasks.isr.steps import Purpose
from tasks.ptc.algorithm import Pairing, PhotonTransferCurve, solve_curve
from tasks.ptc.run.product import curve_cards

__all__ = ["PairsTask"]


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
        pairing = paired(handles, self.config)
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
        reader = FlatReader(read, self.purpose, self.config.isr, priors)
        settings = self.config.sequence_settings(self.binned_means())
        return measure_sequence(check_pairs(pairing), reader.take, settings)
