"""The verification of CTI as a PipelineTask."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
from astropy.table import Table
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections

from infra.errors import CalprodError
from infra.instruments.layout import DetectorLayout
from tasks.combine.connections import optional_table, raws_input, statistics_output, table_prerequisite
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.cti.run.config import overscan_skip
from tasks.cti.run.measure import flat_steps, segment_of
from tasks.cti.solution.dataset import cti_from_table
from tasks.cti.verify import flat_statistics, measure_cti
from tasks.isr.cti_statistics import CtiStatistics, read_cti_statistics
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.verification.model import ExposureGroup, ExposureStatistics
from tasks.verification.pipeline_task import (
    ProductMeasurement,
    ProductVerificationConfig,
    ProductVerificationTask,
)
from tasks.verification.quantum import exposure_record, group_of, input_exposures
from tasks.verification.statistics import ResidualStatistics

__all__ = ["VerifyCtiConfig", "VerifyCtiTask"]

_DIMENSIONS = ("instrument", "detector")


class VerifyCtiConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flats and the CTI under test in, statistics out."""

    raws = raws_input("Flats at many levels: those the CTI was measured with, and others.")
    cti = table_prerequisite("cti", "The CTI under test.")
    linearizer = table_prerequisite("linearizer", "Linearity correction, and the gains it was made with.")
    ptc = optional_table("ptc", "Gains, in the order of 2024-04; those of the camera model without.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for, where that is asked for.")
    defects = optional_table("defects", "Defects to leave out.")
    statistics = statistics_output("verifyCtiStatistics")

    def __init__(self, *, config: "VerifyCtiConfig") -> None:
        if config.isr.order == "2024-04":
            self.linearizer = replace(self.linearizer, minimum=0)
        else:
            del self.ptc
        if not config.isr.subtract_crosstalk:
            del self.crosstalk


class VerifyCtiConfig(
    PipelineTaskConfig, ProductVerificationConfig, pipelineConnections=VerifyCtiConnections
):
    """Settings of the verification of CTI."""

    overscan_skip = overscan_skip()


class VerifyCtiTask(ProductVerificationTask):
    """Correct flats with the CTI under test, and measure what is left; see `tasks.cti.verify`.

    Notes
    -----
    Where there are flats that the CTI was not measured with, they alone are judged by.
    """

    ConfigClass = VerifyCtiConfig
    _DefaultName: ClassVar[str] = "verifyCti"
    candidate: ClassVar[str] = "cti"
    purpose: ClassVar[Purpose] = "verifyCti"

    def measure(
        self, raws: Iterator[RawInput], priors: Priors, candidate: Table, layout: DetectorLayout
    ) -> ProductMeasurement:
        """Correct every raw, keep its statistics, and judge them together.

        Raises
        ------
        CalprodError
            The CTI is of another detector, or there is no linearizer.
        """
        solution, inputs = cti_from_table(candidate), input_exposures(candidate)
        names = [one.name for one in layout.amplifiers]
        if foreign := [one.name for one in solution.amplifiers if one.name not in names]:
            raise CalprodError(
                f"the CTI has amplifier {', '.join(foreign)}, which detector {layout.name} has not",
                "take the CTI of this detector",
            )
        workspace = Workspace()
        flats: dict[str, list[CtiStatistics | None]] = {name: [] for name in names}
        records: list[ExposureStatistics] = []
        for raw in raws:
            steps = flat_steps(self.steps(raw), priors, raw, self.config.overscan_skip)
            found = read_cti_statistics(corrected(raw, steps, priors.calibrations, workspace).metadata)
            for name in names:
                flats[name].append(found.get(name))
            rows = {one.name: one.data_box.height for one in layout.amplifiers}
            statistics = ResidualStatistics(
                amplifiers={name: flat_statistics(flat, rows[name]) for name, flat in found.items()},
                problems={},
                detector={},
            )
            group = group_of(raw.exposure, inputs)
            records.append(exposure_record(raw, group, statistics, self.config.header_keys))
            self.log.verbose("measured exposure %d of detector %d", raw.exposure, raw.detector)
        segments = {one.name: segment_of(one, layout.vendor) for one in layout.amplifiers}
        measured = measure_cti(
            solution,
            flats,
            np.array([one.group is ExposureGroup.VERIFICATION for one in records], np.bool_),
            {name: one.prescan + one.data_width for name, one in segments.items()},
        )
        n_held_out = int(measured.detector["N_HELD_OUT"])
        self.log.info(
            "judged by %d %s", n_held_out or len(records), "other flats" if n_held_out else "of its own flats"
        )
        return ProductMeasurement(measured.amplifiers, measured.detector, measured.problems, tuple(records))
