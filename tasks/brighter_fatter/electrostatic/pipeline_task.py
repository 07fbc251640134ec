"""The electrostatic model of a detector as a PipelineTask, and its verification."""

from datetime import datetime
from typing import ClassVar

from astropy.table import Table
from lsst.daf.butler import DatasetRef
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.ledger.clock import now
from tasks.brighter_fatter.electrostatic import verify
from tasks.brighter_fatter.electrostatic.config import ElectrostaticConfig
from tasks.brighter_fatter.electrostatic.solve import solve_distortion
from tasks.brighter_fatter.electrostatic.table import to_table
from tasks.combine.connections import raws_input, statistics_output, table_output, table_prerequisite
from tasks.combine.table_metadata import cards_from_curve
from tasks.flat_pairs.curve.table import from_table
from tasks.isr.steps import Purpose
from tasks.verification.pipeline_task import (
    ProductRoom,
    ProductVerificationConfig,
    ProductVerificationTask,
)

__all__ = ["ElectrostaticDistortionTask", "VerifyElectrostaticDistortionTask"]

_DIMENSIONS = ("instrument", "detector")
_NAME = "electroBfDistortionMatrix"


class ElectrostaticDistortionConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """One photon transfer curve in, the shifts of the boundaries of its detector's pixels out."""

    ptc = table_prerequisite("ptc", "Photon transfer curve fitted to covariances.")
    output = table_output(_NAME, "Shifts of the boundaries of pixels by one electron, one row.")


class ElectrostaticDistortionConfig(
    PipelineTaskConfig, ElectrostaticConfig, pipelineConnections=ElectrostaticDistortionConnections
):
    """Settings of the electrostatic model."""


class ElectrostaticDistortionTask(PipelineTask):
    """Fit an electrostatic model to the covariances of a photon transfer curve."""

    ConfigClass = ElectrostaticDistortionConfig
    _DefaultName: ClassVar[str] = _NAME
    config: ElectrostaticDistortionConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the curve, fit, and store the model."""
        ref: DatasetRef = inputRefs.ptc
        result = self.run(butlerQC.get(ref), source=(ref.run, str(ref.id)), created=now())
        butlerQC.put(result, outputRefs)

    def run(self, table: Table, *, source: tuple[str, str], created: datetime) -> Struct:
        """Fit the model.

        Parameters
        ----------
        table
            Photon transfer curve.
        source
            Its RUN and UUID.
        created
            With a time zone.

        Returns
        -------
        Struct
            ``output``: the table of the model, see `tasks.brighter_fatter.electrostatic.table.to_table`.

        Raises
        ------
        CalprodError
            No amplifier has area changes, or the fit fails. Rubin cp_pipe stores an empty product where there
            is no amplifier; here there is none, as it would correct nothing.
        """
        cards = cards_from_curve(table, run=source[0], uuid=source[1], created=created)
        cards |= {"LSST CALIB RUN PTC": source[0], "LSST CALIB UUID PTC": source[1]}
        solution = solve_distortion(
            from_table(table), self.config.settings(), depths=self.config.depths(), metadata=cards
        )
        if solution.at_bound:
            self.log.warning("parameters at a bound: %s", ", ".join(solution.at_bound))
        self.log.info(
            "fitted %d x %d area changes with a reduced chi squared of %.3g",
            solution.fit_range,
            solution.fit_range,
            solution.chi_squared / solution.degrees_of_freedom,
        )
        return Struct(output=to_table(solution))


class VerifyElectrostaticDistortionConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """The model under test in, statistics out."""

    raws = raws_input("Any raws of the detector, one of which is read for its layout.")
    electroBfDistortionMatrix = table_prerequisite(_NAME, "The model under test.")  # noqa: N815
    statistics = statistics_output("verifyElectroBfDistortionMatrixStatistics")


class VerifyElectrostaticDistortionConfig(
    PipelineTaskConfig,
    ProductVerificationConfig,
    pipelineConnections=VerifyElectrostaticDistortionConnections,
):
    """Settings of the verification of an electrostatic model."""


class VerifyElectrostaticDistortionTask(ProductVerificationTask):
    """Hold an electrostatic model against the covariances it was fitted to."""

    ConfigClass = VerifyElectrostaticDistortionConfig
    _DefaultName: ClassVar[str] = "verifyElectroBfDistortionMatrix"
    candidate: ClassVar[str] = _NAME
    purpose: ClassVar[Purpose] = "verifyPtc"
    room: ClassVar[ProductRoom] = verify
