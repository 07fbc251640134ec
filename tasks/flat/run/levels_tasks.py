"""The levels of flats over the focal plane as PipelineTasks: measured by detector, compared by filter."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, cast

from astropy.table import Table
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

from tasks.combine.connections import calibration_prerequisite, optional_table, raws_input
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.flat.levels.measuring import FlatLevel, levels_from_tables, levels_table, measure_levels
from tasks.flat.levels.normalisation import NormalisationLevel, normalise
from tasks.flat.levels.scales_table import scales_table
from tasks.flat.run.config import LevelsConfig, NormalizeConfig
from tasks.flat.run.connections import FOCAL_PLANE, ONE_DETECTOR, of_all_detectors, table_of_detector
from tasks.isr.calibrations import Calibrations
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace

__all__ = ["FlatMeasureConfig", "FlatMeasureTask", "FlatNormalizeConfig", "FlatNormalizeTask"]


class FlatMeasureConnections(PipelineTaskConnections, dimensions=ONE_DETECTOR):
    """Raws of one detector and filter in, their levels out."""

    raws = raws_input("Flat exposures of one filter.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    output = table_of_detector("flatLevels", "Level of the detector and its amplifiers in each exposure.")


class FlatMeasureConfig(PipelineTaskConfig, LevelsConfig, pipelineConnections=FlatMeasureConnections):
    """Settings of the measurement of levels."""


class FlatMeasureTask(PipelineTask):
    """Measure the level of flat exposures of one detector, amplifier by amplifier."""

    ConfigClass = FlatMeasureConfig
    _DefaultName: ClassVar[str] = "flatMeasure"
    purpose: ClassVar[Purpose] = "flat"
    config: Any

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations, and every raw once."""
        priors = read_priors(butlerQC, inputRefs)
        handles = butlerQC.get(inputRefs.raws)
        butlerQC.put(self.run(raw_inputs(handles), priors.calibrations), outputRefs)

    def run(self, raws: Iterable[RawInput], calibrations: Calibrations) -> Struct:
        """Measure levels.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        calibrations
            Calibrations to apply.

        Returns
        -------
        Struct
            ``output``: see `tasks.flat.levels.measuring.levels_table`.
        """
        workspace = Workspace()
        levels: list[FlatLevel] = []
        for raw in raws:
            steps = self.config.isr.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
            exposure = corrected(raw, replace(steps, make_variance=False), calibrations, workspace)
            levels += measure_levels(raw.exposure, exposure, raw.raw.layout)
            self.log.verbose("measured exposure %d of detector %d", raw.exposure, raw.detector)
        if not levels:
            raise NoWorkFound("there are no raws to measure")
        return Struct(output=levels_table(levels))


class FlatNormalizeConnections(PipelineTaskConnections, dimensions=FOCAL_PLANE):
    """Levels of all detectors in, the brightness of each exposure and the response of each detector out."""

    levels = of_all_detectors("flatLevels", "Levels of the flats of each detector.")
    output = connection.Output(
        doc="How bright the lamp was in each exposure, and how each detector responds.",
        name="flatScales",
        storageClass="ArrowAstropy",
        dimensions=FOCAL_PLANE,
    )


class FlatNormalizeConfig(PipelineTaskConfig, NormalizeConfig, pipelineConnections=FlatNormalizeConnections):
    """Settings of the comparison of levels."""


class FlatNormalizeTask(PipelineTask):
    """Tell the lamp's changes from the detectors' responses, over the whole focal plane."""

    ConfigClass = FlatNormalizeConfig
    _DefaultName: ClassVar[str] = "flatNormalize"
    config: Any

    def run(self, levels: Iterable[Table]) -> Struct:
        """Take levels apart.

        Parameters
        ----------
        levels
            Tables of all detectors.

        Returns
        -------
        Struct
            ``output``: see `tasks.flat.levels.scales_table.scales_table`.
        """
        scales = normalise(levels_from_tables(levels), cast(NormalisationLevel, self.config.level))
        self.log.info(
            "%d exposures of %d detectors are normalised",
            len(scales.brightness),
            len({detector for detector, _ in scales.response}),
        )
        return Struct(output=scales_table(scales))
