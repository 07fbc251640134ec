"""The brighter-fatter kernel as a PipelineTask, and its verification."""

from datetime import datetime
from typing import ClassVar

from astropy.table import Table
from lsst.daf.butler import DatasetRef
from lsst.pex.config import RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.errors import CalprodError
from infra.ledger.clock import now
from tasks.brighter_fatter.algorithm import solve_kernels, to_table
from tasks.brighter_fatter.checking.verify_task import VerifyBfkConfig, VerifyBfkTask
from tasks.brighter_fatter.kernel.config import SolveConfig
from tasks.brighter_fatter.kernel.header import kernel_cards
from tasks.combine.connections import table_output, table_prerequisite
from tasks.flat_pairs.curve.table import from_table

__all__ = [
    "BrighterFatterKernelConfig",
    "BrighterFatterKernelTask",
    "KernelFromFlatsTask",
    "VerifyBfkConfig",
    "VerifyBfkTask",
]

_DIMENSIONS = ("instrument", "detector")


class BrighterFatterKernelConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """One photon transfer curve in, the kernels of its detector out."""

    ptc = table_prerequisite("ptc", "Photon transfer curve with covariances.")
    output = table_output("bfk", "Brighter-fatter kernels (1/electron), a row per amplifier.")


class BrighterFatterKernelConfig(
    PipelineTaskConfig, SolveConfig, pipelineConnections=BrighterFatterKernelConnections
):
    """Settings of the kernels."""

    most_invalid = RangeField(
        dtype=float,
        default=0.25,
        min=0.0,
        max=1.0,
        inclusiveMax=True,
        doc="Fraction of amplifiers without a valid kernel above which there is no product.",
    )


class BrighterFatterKernelTask(PipelineTask):
    """Solve the brighter-fatter kernels of one detector from its photon transfer curve.

    Notes
    -----
    An amplifier without a valid kernel says why (REASON) and takes no part in the detector's.
    """

    ConfigClass = BrighterFatterKernelConfig
    _DefaultName: ClassVar[str] = "bfk"

    config: BrighterFatterKernelConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the curve, solve, and store the kernels."""
        ref: DatasetRef = inputRefs.ptc
        result = self.run(butlerQC.get(ref), source=(ref.run, str(ref.id)), created=now())
        butlerQC.put(result, outputRefs)

    def run(self, table: Table, *, source: tuple[str, str], created: datetime) -> Struct:
        """Solve the kernels.

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
            ``output``: the table of the kernels.

        Raises
        ------
        CalprodError
            Too many amplifiers have no valid kernel, or the detector has none; says why.
        """
        settings = self.config.settings()
        curve = from_table(table)
        cards = kernel_cards(table, curve, settings, run=source[0], uuid=source[1], created=created)
        kernels = solve_kernels(curve, settings, cards)
        for name, reason in kernels.invalid.items():
            self.log.warning("amplifier %s has no valid kernel: %s", name, reason)
        n_invalid, n = len(kernels.invalid), len(kernels.amplifiers)
        if n_invalid > self.config.most_invalid * n or not kernels.is_valid:
            reasons = [f"{name}: {reason}" for name, reason in kernels.invalid.items()][:5]
            raise CalprodError(
                f"{n_invalid} of {n} amplifiers have no valid brighter-fatter kernel"
                + ("" if kernels.is_valid else ", nor has the detector")
                + f": {'; '.join([*kernels.faults, *reasons])}",
                "take more pairs of flats at high signal, or look at the covariances of the curve",
            )
        self.log.info("solved kernels of %d of %d amplifiers", n - n_invalid, n)
        return Struct(output=to_table(kernels))


class KernelFromFlatsConnections(BrighterFatterKernelConnections, dimensions=_DIMENSIONS):
    """A photon transfer curve of the same pipeline in, kernels out."""

    ptc = connection.Input(
        doc="Photon transfer curve with covariances, made for the kernels.",
        name="bfkPtc",
        storageClass="AstropyTable",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class KernelFromFlatsConfig(BrighterFatterKernelConfig, pipelineConnections=KernelFromFlatsConnections):
    """Settings of the kernels."""


class KernelFromFlatsTask(BrighterFatterKernelTask):
    """Solve the kernels from a curve that the same pipeline has made of their own pairs of flats."""

    ConfigClass = KernelFromFlatsConfig
    _DefaultName: ClassVar[str] = "bfkFromFlats"
    config: KernelFromFlatsConfig
