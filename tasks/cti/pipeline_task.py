"""Charge transfer inefficiency as a PipelineTask, and its verification."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

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

from infra.errors import CalprodError
from infra.images import CorrectedExposure
from infra.ledger.clock import now
from tasks.combine.connections import optional_table, raws_input, table_output, table_prerequisite
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.combine.table_metadata import table_cards
from tasks.cti.algorithm import CTI_KIND, cti_to_table, solve_cti
from tasks.cti.run.config import CtiSolveConfig
from tasks.cti.run.measure import flat_steps, measure_flats
from tasks.cti.run.verify_task import VerifyCtiConfig, VerifyCtiTask
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace

__all__ = ["CtiConfig", "CtiTask", "VerifyCtiConfig", "VerifyCtiTask"]

_DIMENSIONS = ("instrument", "detector")


class CtiConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flats of many levels of one detector in, its deferred charge out."""

    raws = raws_input("Flats at many levels, such as those of a photon transfer curve; each is used singly.")
    linearizer = table_prerequisite("linearizer", "Linearity correction, and the gains it was made with.")
    ptc = optional_table("ptc", "Gains, in the order of 2024-04; those of the camera model without.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for, where that is asked for.")
    defects = optional_table("defects", "Defects to leave out.")
    output = table_output("cti", "Deferred charge, a row per amplifier.")

    def __init__(self, *, config: "CtiConfig") -> None:
        if config.isr.order == "2024-04":
            self.linearizer = replace(self.linearizer, minimum=0)
        else:
            del self.ptc
        if not config.isr.subtract_crosstalk:
            del self.crosstalk


class CtiConfig(PipelineTaskConfig, CtiSolveConfig, pipelineConnections=CtiConnections):
    """Settings of the measurement of CTI."""


class CtiTask(PipelineTask):
    """Measure the charge transfer inefficiency of one detector.

    Notes
    -----
    Rubin cp_pipe writes statistics of every exposure and solves in another task. Here each raw is read once,
    and nothing but its statistics is kept. An amplifier that cannot be solved corrects nothing and says why
    (REASON); what limits the others without spoiling them stands in REMARKS.
    """

    ConfigClass = CtiConfig
    _DefaultName: ClassVar[str] = "cti"
    purpose: ClassVar[Purpose] = "cti"

    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations, stream the raws through the measurement, and store what comes out."""
        priors = read_priors(butlerQC, inputRefs)
        handles = butlerQC.get(inputRefs.raws)
        butlerQC.put(self.run(raw_inputs(handles), priors), outputRefs)

    def run(self, raws: Iterable[RawInput], priors: Priors | None = None) -> Struct:
        """Measure deferred charge.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        priors
            Calibrations to apply before, the linearizer among them.

        Returns
        -------
        Struct
            ``output``: the table of the CTI.

        Raises
        ------
        CalprodError
            There is no linearizer or no overscan, or no amplifier can be solved.
        """
        priors, workspace = priors or Priors(), Workspace()

        def correct(raw: RawInput) -> CorrectedExposure:
            steps = self.config.isr.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
            return corrected(
                raw, flat_steps(steps, priors, raw, self.config.overscan_skip), priors.calibrations, workspace
            )

        measured = measure_flats(raws, correct, priors.cards)
        if measured is None:
            raise NoWorkFound("there are no raws to measure CTI with")
        layout = measured.layout
        solution = solve_cti(
            measured.flats,
            measured.segments,
            detector=layout.id,
            settings=self.config.settings(),
            bad=measured.given_up,
            metadata=table_cards(
                CTI_KIND, measured.inputs, instrument=measured.instrument, layout=layout, created=now()
            ),
        )
        for name, reason in solution.reasons:
            self.log.warning("CTI of amplifier %s is not corrected: %s", name, reason)
        for one in solution.amplifiers:
            for remark in one.remarks:
                self.log.info("amplifier %s: %s", one.name, remark)
        n_bad = len(solution.reasons)
        if n_bad == len(solution.amplifiers):
            reasons = "; ".join(sorted({reason for _, reason in solution.reasons}))
            raise CalprodError(
                f"no amplifier of {measured.instrument} detector {layout.id} has a CTI that can be solved: "
                f"{reasons}",
                "take flats at many levels, up to saturation",
            )
        self.log.info(
            "solved the CTI of %d of %d amplifiers of detector %d from %d flats",
            len(solution.amplifiers) - n_bad,
            len(solution.amplifiers),
            layout.id,
            len(measured.inputs),
        )
        return Struct(output=cti_to_table(solution))
