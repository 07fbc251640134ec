"""The crosstalk matrix as a PipelineTask, and its verification."""

from collections.abc import Iterable
from typing import Any, ClassVar

from lsst.pex.config import Field
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

from infra.images import CorrectedExposure
from infra.ledger.clock import now
from tasks.combine.connections import optional_calibration, optional_table, raws_input, table_output
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.crosstalk.algorithm import solve_crosstalk
from tasks.crosstalk.run.config import ExtractionConfig, SolutionConfig
from tasks.crosstalk.run.measure import extraction_steps, measure_exposures
from tasks.crosstalk.run.product import crosstalk_table, ratio_table
from tasks.crosstalk.run.verify_task import VerifyCrosstalkTask
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace

__all__ = ["CrosstalkConfig", "CrosstalkTask", "VerifyCrosstalkTask"]

_DIMENSIONS = ("instrument", "detector")
_WARNINGS = 5
"""Most warnings of one measurement that are logged in full."""


class CrosstalkConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Exposures of bright compact sources of one detector in, one crosstalk matrix out."""

    raws = raws_input("Exposures of bright compact sources: a star cluster, or projected spots.")
    ptc = optional_table("ptc", "Gains; those of the camera model without.")
    bias = optional_calibration("bias", "Structure of the bias, which stars would take for crosstalk.")
    defects = optional_table("defects", "Defects, which neither give nor show crosstalk.")
    output = table_output("crosstalk", "Crosstalk matrix, one row.")
    ratios = connection.Output(
        doc="Ratio of every bright pixel to every pixel read at the same moment.",
        name="crosstalkRatios",
        storageClass="ArrowAstropy",
        dimensions=_DIMENSIONS,
    )

    def __init__(self, *, config: "CrosstalkConfig") -> None:
        if not config.save_ratios:
            del self.ratios


class CrosstalkConfig(
    PipelineTaskConfig, ExtractionConfig, SolutionConfig, pipelineConnections=CrosstalkConnections
):
    """Settings of the measurement of crosstalk."""

    save_ratios = Field[bool](dtype=bool, default=False, doc="Keep the ratios of all bright pixels.")

    def setDefaults(self) -> None:
        """Mask what is known to be bad, where there is a list of it."""
        self.isr.mask_defects = True


class CrosstalkTask(PipelineTask):
    """Measure the crosstalk between the amplifiers of one detector.

    Notes
    -----
    Rubin cp_pipe extracts ratios in one task and solves in another, with a dataset for each exposure between
    them. Here each raw is read once, and nothing but its ratios is kept.
    """

    ConfigClass = CrosstalkConfig
    _DefaultName: ClassVar[str] = "crosstalk"
    purpose: ClassVar[Purpose] = "crosstalk"

    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations, stream the raws through the extraction, and store what comes out."""
        priors = read_priors(butlerQC, inputRefs)
        handles = butlerQC.get(inputRefs.raws)
        butlerQC.put(self.run(raw_inputs(handles), priors), outputRefs)

    def run(self, raws: Iterable[RawInput], priors: Priors | None = None) -> Struct:
        """Measure crosstalk.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        priors
            Calibrations to apply before.

        Returns
        -------
        Struct
            ``output``: the table of the matrix, in which a pair of amplifiers without enough measurements is
            NaN and not valid. ``ratios``: where asked for, a table of all ratios.
        """
        priors = priors or Priors()
        workspace = Workspace()

        def correct(raw: RawInput) -> CorrectedExposure:
            steps = self.config.isr.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
            return corrected(raw, extraction_steps(steps, priors), priors.calibrations, workspace)

        measured = measure_exposures(raws, correct, self.config.extraction_settings(), priors.cards)
        if measured is None:
            raise NoWorkFound("there are no raws to measure crosstalk with")
        solution = solve_crosstalk(
            measured.ratios, self.config.solve_settings(), unit=measured.unit, gains=measured.gains
        )
        for warning in solution.warnings[:_WARNINGS]:
            self.log.warning("%s", warning)
        if len(solution.warnings) > _WARNINGS:
            self.log.warning("and %d warnings more of this kind", len(solution.warnings) - _WARNINGS)
        if measured.without_sources:
            self.log.warning(
                "%d of %d exposures hold no bright pixel and add nothing: %s",
                len(measured.without_sources),
                len(measured.inputs),
                ", ".join(map(str, measured.without_sources)),
            )
        matrix = solution.matrix
        self.log.info(
            "measured the crosstalk of detector %d from %d exposures: %d of %d coefficients are significant",
            measured.layout.id,
            len(measured.inputs),
            int(matrix.valid.sum()),
            matrix.valid.size - len(matrix.amplifiers),
        )
        result = Struct(output=crosstalk_table(matrix, measured, now()))
        if self.config.save_ratios:
            result.ratios = ratio_table(measured.ratios)
        return result
