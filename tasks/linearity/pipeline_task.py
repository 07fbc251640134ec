"""The linearizer as a PipelineTask, and its verification."""

from collections.abc import Iterator
from dataclasses import replace
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

from infra.errors import CalprodError, UsageError
from infra.instruments import camera
from infra.instruments.layout import Box, DetectorLayout
from infra.ledger.clock import now
from tasks.combine.connections import (
    optional_calibration,
    optional_table,
    raws_input,
    statistics_output,
    table_output,
)
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.linearity.algorithm import (
    linearizer_from_table,
    linearizer_to_table,
    pairs_of_curve,
    ramp_of_curve,
    solve_linearity,
)
from tasks.linearity.checking.flats import Flats
from tasks.linearity.inputs.binned import binned_images
from tasks.linearity.inputs.config import SolveConfig
from tasks.linearity.inputs.header import linearizer_cards
from tasks.linearity.verify import measure_linearity
from tasks.verification.pipeline_task import (
    ProductMeasurement,
    ProductVerificationConfig,
    ProductVerificationTask,
)

__all__ = ["LinearizerConfig", "LinearizerTask", "VerifyLinearizerConfig", "VerifyLinearizerTask"]

_DIMENSIONS = ("instrument", "detector")


class LinearizerConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Levels of the flats of one detector in, one linearizer out."""

    curve = connection.Input(
        doc="Photon transfer curve, of which means and differences of the pairs are used.",
        name="linearizerPtc",
        storageClass="AstropyTable",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )
    binned = connection.Input(
        doc="Binned images of the same exposures; only a DoubleSpline needs them.",
        name="linearizerPtcBinned",
        storageClass="ArrowAstropy",
        dimensions=_DIMENSIONS,
    )
    output = table_output("linearizer", "Linearity correction (adu), a row per amplifier.")

    def __init__(self, *, config: "LinearizerConfig") -> None:
        if config.type != "DoubleSpline":
            del self.binned


class LinearizerConfig(PipelineTaskConfig, SolveConfig, pipelineConnections=LinearizerConnections):
    """Settings of the linearizer."""


class LinearizerTask(PipelineTask):
    """Solve the linearizer of one detector.

    Notes
    -----
    An amplifier that cannot be solved has the type None and says why (REASON); what limits the others without
    spoiling them stands in REMARKS.
    """

    ConfigClass = LinearizerConfig
    _DefaultName: ClassVar[str] = "linearizer"

    config: LinearizerConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the curve, solve, and store the linearizer."""
        ref: DatasetRef = inputRefs.curve
        binned = butlerQC.get(inputRefs.binned) if hasattr(inputRefs, "binned") else None
        instrument, detector = str(ref.dataId["instrument"]), int(ref.dataId["detector"])
        result = self.run(
            butlerQC.get(ref),
            binned,
            instrument=instrument,
            detector=detector,
            source=(ref.run, str(ref.id)),
            created=now(),
        )
        butlerQC.put(result, outputRefs)

    def run(
        self,
        curve: Table,
        binned: Table | None,
        *,
        instrument: str,
        detector: int,
        source: tuple[str, str],
        created: datetime,
    ) -> Struct:
        """Solve the linearizer.

        Parameters
        ----------
        curve
            Photon transfer curve, or the levels of the same layout that were measured for the linearizer.
        binned
            Binned images of the same exposures, for a DoubleSpline.
        instrument, detector
            Of which sensor.
        source
            RUN and UUID of the curve.
        created
            With a time zone.

        Returns
        -------
        Struct
            ``output``: the table of the linearizer.

        Raises
        ------
        CalprodError
            No amplifier can be solved, or the curve lacks what is asked for.
        """
        settings = self.config.settings(instrument)
        pairs = pairs_of_curve(curve)
        ramp = ramp_of_curve(
            curve,
            self.config.light(),
            detector=detector,
            singly=settings.type == "DoubleSpline",
            boxes=_boxes(instrument, detector),
        )
        cards = linearizer_cards(
            curve,
            run=source[0],
            uuid=source[1],
            created=created,
            pairs=pairs,
            abscissa=self.config.abscissa,
        )
        images = None if binned is None else binned_images(binned, pairs.ravel())
        linearizer = solve_linearity(ramp, settings, binned=images, metadata=cards)
        for name, reason in linearizer.reasons:
            self.log.warning("amplifier %s has no linearity correction: %s", name, reason)
        if len(linearizer.reasons) == len(linearizer.amplifiers):
            raise CalprodError(
                f"no amplifier of {instrument} detector {detector} has a linearity correction: "
                + "; ".join(f"{name}: {reason}" for name, reason in _grouped(linearizer.reasons)),
                "take a ramp of flat pairs with more levels, up to saturation",
            )
        self.log.info(
            "solved a %s for %d of %d amplifiers of detector %d from %d pairs",
            settings.type,
            len(linearizer.amplifiers) - len(linearizer.reasons),
            len(linearizer.amplifiers),
            detector,
            len(pairs),
        )
        return Struct(output=linearizer_to_table(linearizer))


class VerifyLinearizerConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flats and the linearizer under test in, statistics out."""

    raws = raws_input("Flats at many levels, of one filter: those the linearizer was made from, and others.")
    linearizer = connection.PrerequisiteInput(
        doc="The linearizer under test.",
        name="linearizer",
        storageClass="AstropyTable",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    dark = optional_calibration("dark", "Dark (adu/s) to subtract, in the order of 2024-04.")
    statistics = statistics_output("verifyLinearizerStatistics")

    def __init__(self, *, config: "VerifyLinearizerConfig") -> None:
        if config.isr.order != "2024-04":
            del self.dark


class VerifyLinearizerConfig(
    PipelineTaskConfig, ProductVerificationConfig, pipelineConnections=VerifyLinearizerConnections
):
    """Settings of the verification of a linearizer."""

    minimum_level = RangeField(
        dtype=float,
        default=1000.0,
        min=0.0,
        doc="Lowest level that is judged (adu): below, the zero level matters more than linearity.",
    )


class VerifyLinearizerTask(ProductVerificationTask):
    """Linearise flats and measure whether they follow the light; see `tasks.linearity.verify`."""

    ConfigClass = VerifyLinearizerConfig
    _DefaultName: ClassVar[str] = "verifyLinearizer"
    candidate: ClassVar[str] = "linearizer"
    purpose: ClassVar[Purpose] = "verifyLinearizer"

    def measure(
        self, raws: Iterator[RawInput], priors: Priors, candidate: Table, layout: DetectorLayout
    ) -> ProductMeasurement:
        """Correct every raw with the linearizer, keep its levels, and judge them together.

        Raises
        ------
        CalprodError
            The linearizer has an amplifier that the detector has not, or there is no flat.
        """
        linearizer = linearizer_from_table(candidate)
        flats, workspace = Flats(linearizer, layout, self.config.header_keys), Workspace()
        for raw in raws:
            steps = replace(self.steps(raw), make_variance=False)
            flats.add(raw, corrected(raw, steps, priors.calibrations, workspace))
            self.log.verbose("measured exposure %d of detector %d", raw.exposure, raw.detector)
        measured = measure_linearity(linearizer, flats.levels(), minimum_level=self.config.minimum_level)
        return ProductMeasurement(
            measured.amplifiers, measured.detector, measured.problems, flats.records(measured)
        )


def _boxes(instrument: str, detector: int) -> dict[str, Box]:
    """Full-size amplifiers in the trimmed image; none of a camera that has no model."""
    try:
        layout = camera(instrument).detector(detector).layout()
    except UsageError:
        return {}
    return {one.name: one.image_box for one in layout.amplifiers}


def _grouped(reasons: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Amplifiers that share a reason, together."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        names.setdefault(reason, []).append(name)
    return [(", ".join(some), reason) for reason, some in names.items()]
