"""The verification of a crosstalk matrix as a PipelineTask."""

from collections.abc import Iterable
from typing import ClassVar

from astropy.table import Table
from lsst.pipe.base import NoWorkFound, PipelineTaskConfig, PipelineTaskConnections, Struct
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.errors import CalprodError
from infra.images import CorrectedExposure
from tasks.combine.connections import (
    optional_calibration,
    optional_table,
    raws_input,
    statistics_output,
    table_prerequisite,
)
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.crosstalk.algorithm import CrosstalkMatrix, SolveSettings, matrix_from_table, solve_crosstalk
from tasks.crosstalk.run.config import ResidualConfig
from tasks.crosstalk.run.measure import MeasuredExposures, extraction_steps, measure_exposures
from tasks.crosstalk.steps.residual import ResidualCrosstalk, compare, source_fluxes
from tasks.crosstalk.verify import matrix_rows, product_measurement
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.verification.pipeline_task import ProductVerificationConfig, ProductVerificationTask
from tasks.verification.quantum import detector_record, input_exposures

__all__ = ["VerifyCrosstalkConfig", "VerifyCrosstalkTask"]

_DIMENSIONS = ("instrument", "detector")


class VerifyCrosstalkConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Exposures of bright compact sources and the matrix under test in, statistics out."""

    raws = raws_input("Exposures of bright compact sources: the inputs of the matrix and others.")
    crosstalk = table_prerequisite("crosstalk", "The matrix under test.")
    ptc = optional_table("ptc", "Gains; those of the camera model without.")
    bias = optional_calibration("bias", "Structure of the bias, which stars would take for crosstalk.")
    defects = optional_table("defects", "Defects, which neither give nor show crosstalk.")
    statistics = statistics_output("verifyCrosstalkStatistics")
    matrix = connection.Output(
        doc="Matrix under test and what is left, a row for each pair of amplifiers.",
        name="verifyCrosstalkMatrix",
        storageClass="ArrowAstropy",
        dimensions=_DIMENSIONS,
    )


class VerifyCrosstalkConfig(
    PipelineTaskConfig,
    ProductVerificationConfig,
    ResidualConfig,
    pipelineConnections=VerifyCrosstalkConnections,
):
    """Settings of the verification of a crosstalk matrix."""

    def setDefaults(self) -> None:
        """Mask what is known to be bad, where there is a list of it."""
        self.isr.mask_defects = True


class VerifyCrosstalkTask(ProductVerificationTask):
    """Correct exposures with the matrix under test, and measure what is left.

    Notes
    -----
    What is left on the inputs of the matrix is small whatever the matrix is worth, since they made it. So the
    test is on other exposures where there are any.
    """

    ConfigClass = VerifyCrosstalkConfig
    _DefaultName: ClassVar[str] = "verifyCrosstalk"
    candidate: ClassVar[str] = "crosstalk"
    purpose: ClassVar[Purpose] = "verifyCrosstalk"

    def run(self, raws: Iterable[RawInput], priors: Priors, candidate: Table) -> Struct:
        """Measure a matrix.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        priors
            Calibrations to apply, the matrix among them.
        candidate
            The matrix under test.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`. ``matrix``: a table, see
            `tasks.crosstalk.verify.matrix_rows`.

        Raises
        ------
        CalprodError
            The matrix is of another detector.
        """
        quadratic = False
        workspace = Workspace()

        def correct(raw: RawInput) -> CorrectedExposure:
            nonlocal quadratic
            steps = extraction_steps(self.steps(raw), priors)
            quadratic = steps.crosstalk is not None and steps.crosstalk.quadratic
            return corrected(raw, steps, priors.calibrations, workspace)

        measured = measure_exposures(raws, correct, self.config.extraction_settings())
        if measured is None:
            raise NoWorkFound("there are no raws to verify with")
        layout = measured.layout
        matrix = _of_detector(candidate, measured)
        inputs = input_exposures(candidate)
        held_out = [one for one in measured.ratios if one.exposure not in inputs]
        chosen = held_out or list(measured.ratios)
        solution = solve_crosstalk(
            chosen,
            SolveSettings(fewest=self.config.fewest, fewest_stars=self.config.fewest_stars),
            unit=measured.unit,
            gains=measured.gains,
        )
        residual: ResidualCrosstalk = compare(
            matrix, solution.matrix, source_fluxes(chosen), layout, quadratic=quadratic
        )
        product = product_measurement(
            matrix, residual, layout, n_exposures=len(chosen), n_held_out=len(held_out)
        )
        self.log.info(
            "%g of %g coefficients of detector %d contradict %d %s, where chance makes %.1f",
            product.detector.get("N_RESIDUAL_SIGNIFICANT", 0.0),
            product.detector.get("N_TESTED", 0.0),
            layout.id,
            len(chosen),
            "other exposures" if held_out else "of its own inputs",
            product.detector.get("EXPECTED_BY_CHANCE", 0.0),
        )
        record = detector_record(
            self.candidate, candidate, layout, priors.uuids, (), product, self.config.header_keys
        )
        return Struct(statistics=record.plain(), matrix=matrix_rows(matrix, residual, layout))


def _of_detector(candidate: Table, measured: MeasuredExposures) -> CrosstalkMatrix:
    """Return the matrix under test, with the names of the detector's amplifiers."""
    names = tuple(one.name for one in measured.layout.amplifiers)
    matrix = matrix_from_table(candidate)
    if len(matrix.amplifiers) != len(names):
        raise CalprodError(
            f"the crosstalk matrix has {len(matrix.amplifiers)} amplifiers, detector {measured.layout.name} "
            f"has {len(names)}",
            "take the matrix of this detector",
        )
    return matrix if matrix.amplifiers == names else matrix_from_table(candidate, names)
