"""The three tasks that make sky frames: exposures to grids, grids to smooth skies, both to a frame."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

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

from infra.butler.images import masked_image
from infra.errors import CalprodError
from infra.images import Metadata
from infra.ledger.clock import now
from tasks.combine.connections import (
    calibration_output,
    calibration_prerequisite,
    leave_out_unused,
    optional_calibration,
    optional_table,
    raws_input,
)
from tasks.combine.metadata import CombineInput
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.isr.calibrations import Calibrations
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.sky.algorithm import combine_skies
from tasks.sky.grids.cells import DetectorCells, SkyGrid, grids_from_table, grids_table, measure_grid
from tasks.sky.grids.focal_plane import merge_skies, scales_from_table, scales_table
from tasks.sky.run.config import AverageConfig, CellsConfig, MergeConfig

__all__ = ["SkyMeasureTask", "SkyMergeTask", "SkyTask"]

_DETECTOR = ("instrument", "detector", "physical_filter")
_FOCAL_PLANE = ("instrument", "physical_filter")


class SkyMeasureConnections(PipelineTaskConnections, dimensions=_DETECTOR):
    """Science exposures of one detector and filter and its calibrations in, their skies out."""

    raws = raws_input("Dithered science exposures of one filter.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    flat = calibration_prerequisite("flat", "Flat to divide by.", per_filter=True)
    fringe = optional_calibration("fringe", "Fringe frame to subtract.", per_filter=True)
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    bfk = optional_table("bfk", "Brighter-fatter kernel to correct with.")
    electroBfDistortionMatrix = optional_table(  # noqa: N815 - as the dataset type
        "electroBfDistortionMatrix", "Distortion matrix to correct the brighter-fatter effect with."
    )
    output = connection.Output(
        doc="Sky of each exposure in cells without sources.",
        name="skyGrids",
        storageClass="ArrowAstropy",
        dimensions=_DETECTOR,
    )

    def __init__(self, *, config: "SkyMeasureConfig") -> None:
        leave_out_unused(self, config.isr)


class SkyMeasureConfig(PipelineTaskConfig, CellsConfig, pipelineConnections=SkyMeasureConnections):
    """Settings of the measurement of skies."""


class SkyMeasureTask(PipelineTask):
    """Measure the sky of science exposures of one detector in cells."""

    ConfigClass = SkyMeasureConfig
    _DefaultName: ClassVar[str] = "skyMeasure"
    purpose: ClassVar[Purpose] = "sky"
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
        butlerQC.put(self.run(raw_inputs(handles), priors.calibrations, priors.cards), outputRefs)

    def run(self, raws: Iterable[RawInput], calibrations: Calibrations, provenance: Metadata) -> Struct:
        """Measure skies.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        calibrations
            Calibrations to apply.
        provenance
            Cards that say which those are.

        Returns
        -------
        Struct
            ``output``: see `tasks.sky.grids.cells.grids_table`. An exposure of which too little is sky is
            left out with a warning, as one bright star must not cost the night its frame.

        Raises
        ------
        CalprodError
            No exposure can be measured; says why the last one cannot.
        """
        workspace = Workspace()
        cells: DetectorCells | None = None
        grids: list[SkyGrid] = []
        refusal: CalprodError | None = None
        for raw in raws:
            if cells is None:
                cells = DetectorCells.of(raw.raw.instrument, raw.raw.layout, self.config.mesh)
            steps = self.config.isr.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
            exposure = corrected(raw, replace(steps, make_variance=False), calibrations, workspace)
            described = CombineInput(
                raw.exposure,
                raw.begin_mjd,
                raw.end_mjd,
                raw.exposure_time,
                raw.dark_time,
                {**raw.raw.primary_header, **provenance, "LSST ISR UNITS": exposure.unit},
            )
            try:
                grids.append(measure_grid(exposure, cells, described, self.config.settings()))
            except CalprodError as error:
                refusal = error
                self.log.warning("left out of the sky of detector %d: %s", raw.detector, error.message)
        if cells is None:
            raise NoWorkFound("there are no raws to measure the sky of")
        if refusal is not None and not grids:
            raise refusal
        return Struct(output=grids_table(cells, grids))


class SkyMergeConnections(PipelineTaskConnections, dimensions=_FOCAL_PLANE):
    """Skies of all detectors in, the smooth sky of each exposure out."""

    grids = connection.Input(
        doc="Skies of the exposures of each detector.",
        name="skyGrids",
        storageClass="ArrowAstropy",
        dimensions=_DETECTOR,
        multiple=True,
    )
    output = connection.Output(
        doc="Smooth sky of each exposure over the focal plane.",
        name="skyScales",
        storageClass="ArrowAstropy",
        dimensions=_FOCAL_PLANE,
    )


class SkyMergeConfig(PipelineTaskConfig, MergeConfig, pipelineConnections=SkyMergeConnections):
    """Settings of the smooth sky over the focal plane."""


class SkyMergeTask(PipelineTask):
    """Fit the smooth sky of each exposure over all detectors."""

    ConfigClass = SkyMergeConfig
    _DefaultName: ClassVar[str] = "skyMerge"
    config: Any

    def run(self, grids: Iterable[Table]) -> Struct:
        """Fit smooth skies.

        Parameters
        ----------
        grids
            Tables of all detectors.

        Returns
        -------
        Struct
            ``output``: see `tasks.sky.grids.focal_plane.scales_table`.
        """
        detectors = [grids_from_table(table) for table in grids]
        scales = merge_skies(detectors, self.config.super_pixel)
        self.log.info("%d exposures of %d detectors have a smooth sky", len(scales.skies), len(detectors))
        return Struct(output=scales_table(scales))


class SkyConnections(PipelineTaskConnections, dimensions=_DETECTOR):
    """Skies of one detector and the smooth skies of the focal plane in, one sky frame out."""

    grids = connection.Input(
        doc="Skies of the exposures of the detector.",
        name="skyGrids",
        storageClass="ArrowAstropy",
        dimensions=_DETECTOR,
    )
    scales = connection.Input(
        doc="Smooth sky of each exposure over the focal plane.",
        name="skyScales",
        storageClass="ArrowAstropy",
        dimensions=_FOCAL_PLANE,
    )
    output = calibration_output("sky", "Sky frame (in units of the sky, about 0).", per_filter=True)


class SkyTaskConfig(PipelineTaskConfig, AverageConfig, pipelineConnections=SkyConnections):
    """Settings of the sky frame."""


class SkyTask(PipelineTask):
    """Average what the smooth sky leaves of the skies of one detector."""

    ConfigClass = SkyTaskConfig
    _DefaultName: ClassVar[str] = "sky"
    config: Any

    def run(self, grids: Table, scales: Table) -> Struct:
        """Make a sky frame.

        Parameters
        ----------
        grids, scales
            As `SkyMeasureTask` and `SkyMergeTask` wrote them.

        Returns
        -------
        Struct
            ``output``: the sky frame, as the Butler stores it.
        """
        frame = combine_skies(
            grids_from_table(grids),
            scales_from_table(scales),
            now(),
            n_sigma=self.config.n_sigma,
            n_iterations=self.config.n_iterations,
        )
        return Struct(output=masked_image(frame))
