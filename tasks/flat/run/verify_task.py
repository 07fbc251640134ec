"""The verification of the flats of many detectors as a PipelineTask, detector by detector."""

from dataclasses import replace
from typing import ClassVar

from lsst.daf.butler import DatasetRef
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.butler.images import calibration_image
from infra.images import CalibrationImage
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout
from tasks.combine.connections import (
    calibration_prerequisite,
    optional_table,
    raws_input,
    residuals_output,
    statistics_output,
)
from tasks.combine.lookups import candidate_and_former
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import raw_inputs
from tasks.flat import verify
from tasks.flat.checking.focal_plane import FocalPlaneEvidence, flat_of_many_statistics
from tasks.flat.gradient.table import gradient_from_table
from tasks.flat.levels.scales_table import scales_from_table
from tasks.flat.run.config import FocalPlaneChecks
from tasks.flat.run.connections import FOCAL_PLANE, ONE_DETECTOR, gradient_prerequisite
from tasks.isr.steps import Purpose
from tasks.verification.pipeline_task import Room, VerificationTask
from tasks.verification.quantum import Candidate, ProductMeasurement

__all__ = ["VerifyFlatMultiChipConfig", "VerifyFlatMultiChipTask"]


class VerifyFlatMultiChipConnections(PipelineTaskConnections, dimensions=ONE_DETECTOR):
    """Flat exposures, the flat under test, the one before it and the light in; what is measured out."""

    raws = raws_input("Flat exposures of one filter: the inputs of the flat and others.")
    bias = calibration_prerequisite("bias", "Bias to subtract.")
    dark = calibration_prerequisite("dark", "Dark to subtract.")
    # One dataset type cannot have two connections.
    flats = replace(
        calibration_prerequisite(
            "flat", "The flat under test, and the one in use until now.", per_filter=True
        ),
        multiple=True,
        lookupFunction=candidate_and_former,
    )
    gradient = gradient_prerequisite("flatGradient", "The light of the flats over the focal plane.")
    reference = gradient_prerequisite("flatGradientReference", "Whose radial part the flats were given.")
    scales = connection.PrerequisiteInput(
        doc="How bright the lamp was in each exposure.",
        name="flatScales",
        storageClass="ArrowAstropy",
        dimensions=FOCAL_PLANE,
        minimum=0,
    )
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    linearizer = optional_table("linearizer", "Linearizer to straighten the response with.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    ptc = optional_table("ptc", "Photon transfer curve with gains and read noises.")
    defects = optional_table("defects", "Defects to flag.")
    statistics = statistics_output("verifyFlatStatistics", per_filter=True)
    residuals = residuals_output("verifyFlatResiduals", per_filter=True)


class VerifyFlatMultiChipConfig(
    PipelineTaskConfig, FocalPlaneChecks, pipelineConnections=VerifyFlatMultiChipConnections
):
    """Settings of the verification of the flats of many detectors."""


class VerifyFlatMultiChipTask(VerificationTask):
    """Divide exposures by the flat under test; hold that against other detectors and its forerunner."""

    ConfigClass = VerifyFlatMultiChipConfig
    _DefaultName: ClassVar[str] = "verifyFlat"
    room: ClassVar[Room] = verify
    candidate: ClassVar[str] = "flat"
    purpose: ClassVar[Purpose] = "verifyFlat"

    evidence: FocalPlaneEvidence = FocalPlaneEvidence()
    """What the flat is held against, read before the raws."""
    instrument: str = ""
    """The camera."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the flats, what they are judged by and, one at a time, the raws."""
        read = read_priors(butlerQC, inputRefs)
        # A graph does not keep the order of the search; the flat under test is the one made last.
        flats: list[tuple[CalibrationImage, DatasetRef]] = sorted(
            ((calibration_image(butlerQC.get(ref)), ref) for ref in inputRefs.flats),
            key=lambda one: str(one[0].metadata.get("CALIB_CREATION_DATETIME", "")),
            reverse=True,
        )
        flat, ref = flats[0]
        tables = {
            name: gradient_from_table(butlerQC.get(getattr(inputRefs, name)))
            for name in ("gradient", "reference")
            if hasattr(inputRefs, name)
        }
        # A reference that the flat was not given says nothing of it.
        given = "LSST CALIB UUID FLATGRADIENTREFERENCE" in flat.metadata
        self.instrument = str(ref.dataId["instrument"])
        self.evidence = FocalPlaneEvidence(
            gradient=tables.get("gradient"),
            reference=tables.get("reference") if given else None,
            scales=scales_from_table(butlerQC.get(inputRefs.scales))
            if hasattr(inputRefs, "scales")
            else None,
            former=flats[1][0] if len(flats) > 1 else None,
        )
        headers = {**read.calibrations.headers, "flat": flat.metadata}
        priors = Priors(
            replace(read.calibrations, flat=flat, headers=headers),
            read.cards,
            {**read.uuids, "flat": str(ref.id)},
        )
        handles = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        butlerQC.put(self.run(raw_inputs(handles), priors, flat), outputRefs)

    def measure_product(self, candidate: Candidate, layout: DetectorLayout) -> ProductMeasurement | None:
        """See `tasks.flat.checking.focal_plane`."""
        if not isinstance(candidate, CalibrationImage) or not self.instrument:
            return None
        return flat_of_many_statistics(candidate, layout, camera(self.instrument), self.evidence)
