"""The PipelineTasks that verify a calibration: on exposures it is applied to, and in itself.

`VerificationTask` reads every raw once, applies the calibration, and keeps statistics and binned residuals.
`ProductVerificationTask` measures the calibration itself, such as the gains of a photon transfer curve, and
may stream the raws for it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from lsst.pex.config import Config, ConfigField, ListField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from infra.images import CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.isr.config import IsrConfig
from tasks.isr.steps import IsrSteps, Purpose
from tasks.verification.binning import bin_image
from tasks.verification.model import ExposureGroup, ExposureStatistics
from tasks.verification.noise import NoiseModel
from tasks.verification.quantum import (
    Candidate,
    ProductMeasurement,
    detector_record,
    exposure_record,
    group_of,
    input_exposures,
    peeked,
    read_candidate,
    residual_table,
)
from tasks.verification.statistics import ResidualStatistics

__all__ = ["ProductMeasurement", "ProductRoom", "ProductVerificationConfig", "ProductVerificationTask"]
__all__ += ["Room", "VerificationConfig", "VerificationTask"]


class Room(Protocol):
    """What the ``verify`` module of a calibration that is applied to exposures offers."""

    def noise_model(self, calibration: Any, layout: DetectorLayout) -> NoiseModel:
        """Return the noise residuals should have under the calibration."""

    def residual_statistics(
        self,
        exposure: CorrectedExposure,
        layout: DetectorLayout,
        model: NoiseModel,
        *,
        group: ExposureGroup,
        dark_time: float,
    ) -> ResidualStatistics:
        """Measure an exposure that the calibration has been applied to."""


class ProductRoom(Protocol):
    """What the ``verify`` module of a calibration that is tested in itself offers."""

    def product_statistics(self, table: Table, layout: DetectorLayout) -> ProductMeasurement:
        """Measure the calibration; an amplifier of the layout that it leaves out counts as not measured."""


class ProductVerificationConfig(Config):
    """Settings shared by the verification of every calibration."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied before anything is measured.")
    header_keys = ListField[str](
        dtype=str,
        default=["SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET", "CCDTEMP"],
        doc="Cards of the raw, or of the calibration, kept with the statistics; limits may depend on them.",
    )


class VerificationConfig(ProductVerificationConfig):
    """Settings shared by the verification of every calibration that is applied to exposures."""

    binning = RangeField(dtype=int, default=8, min=1, doc="Side of a block of the residual images (pixel).")


class _CandidateTask(PipelineTask):
    """Reading a candidate, the calibrations to apply with it, and the raws."""

    candidate: ClassVar[str]
    """Connection of the calibration under test, which is its dataset type."""
    purpose: ClassVar[Purpose]
    """Which corrections are made of each raw."""

    config: Any
    """Settings with the connections of the calibration."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations once, and every raw once; note which calibration was really read."""
        candidate, priors = read_candidate(
            butlerQC, inputRefs, self.candidate, read_priors(butlerQC, inputRefs)
        )
        handles = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        butlerQC.put(self.run(raw_inputs(handles), priors, candidate), outputRefs)

    def steps(self, raw: RawInput) -> IsrSteps:
        """Return the corrections to make of a raw."""
        steps: IsrSteps = self.config.isr.steps(
            self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan
        )
        return steps


class VerificationTask(_CandidateTask):
    """Apply a calibration to raws and measure what is left, exposure by exposure."""

    room: ClassVar[Room]
    """The calibration's ``verify`` module."""

    def run(self, raws: Iterable[RawInput], priors: Priors, candidate: Candidate) -> Struct:
        """Measure the residual of every raw.

        Parameters
        ----------
        raws
            Raws of one detector, each let go of before the next.
        priors
            Calibrations to apply, the one under test among them.
        candidate
            The calibration under test.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`. ``residuals``: a table with one row per exposure:
            exposure, group, observed (TAI, MJD) and the binned residual [ny, nx].
        """
        layout, raws = peeked(raws)
        inputs = input_exposures(candidate)
        model = self.room.noise_model(candidate, layout)
        product = self.measure_product(candidate, layout)
        measured: list[ExposureStatistics] = []
        binned: list[npt.NDArray[np.float32]] = []
        for raw in raws:
            group = group_of(raw.exposure, inputs)
            exposure, statistics = self.measure_exposure(raw, priors, model, group)
            measured.append(exposure_record(raw, group, statistics, self.config.header_keys))
            binned.append(bin_image(exposure.image, exposure.mask, self.config.binning))
            self.log.info("measured exposure %d of detector %d", raw.exposure, raw.detector)
        record = detector_record(
            self.candidate, candidate, layout, priors.uuids, measured, product, self.config.header_keys
        )
        return Struct(statistics=record.plain(), residuals=residual_table(measured, binned))

    def measure_exposure(
        self, raw: RawInput, priors: Priors, model: NoiseModel, group: ExposureGroup
    ) -> tuple[CorrectedExposure, ResidualStatistics]:
        """Correct one raw and measure it; to be replaced where one corrected exposure is not enough.

        Parameters
        ----------
        raw
            The raw.
        priors
            Calibrations to apply.
        model
            Noise the residual should have.
        group
            Whether the exposure is an input of the calibration.
        """
        exposure = corrected(raw, self.steps(raw), priors.calibrations)
        statistics = self.room.residual_statistics(
            exposure, raw.raw.layout, model, group=group, dark_time=raw.dark_time
        )
        return exposure, statistics

    def measure_product(self, candidate: Candidate, layout: DetectorLayout) -> ProductMeasurement | None:
        """Measure the calibration itself; None, as here, when only exposures are tested."""
        return None


class ProductVerificationTask(_CandidateTask):
    """Measure a calibration that is a table, with the raws at hand for those that need them."""

    room: ClassVar[ProductRoom]
    """The calibration's ``verify`` module; not needed where `measure` is replaced."""

    def run(self, raws: Iterable[RawInput], priors: Priors, candidate: Table) -> Struct:
        """Measure the calibration.

        Parameters
        ----------
        raws
            Raws of one detector. Only the first is read, for the detector's layout, unless `measure` asks for
            more.
        priors
            Calibrations to apply; the one under test is among them if the corrections know how to apply it.
        candidate
            The calibration under test.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`.
        """
        layout, raws = peeked(raws)
        product = self.measure(raws, priors, candidate, layout)
        record = detector_record(
            self.candidate, candidate, layout, priors.uuids, (), product, self.config.header_keys
        )
        for name, reason in record.product_problems.items():
            self.log.warning("amplifier %s of detector %d: %s", name, record.detector, reason)
        self.log.info("measured the %s of detector %d", self.candidate, record.detector)
        return Struct(statistics=record.plain())

    def measure(
        self, raws: Iterator[RawInput], priors: Priors, candidate: Table, layout: DetectorLayout
    ) -> ProductMeasurement:
        """Measure the calibration; to be replaced where exposures are needed for it.

        Parameters
        ----------
        raws
            Raws of the detector in the order they were taken; each must be let go of before the next.
        priors
            Calibrations to apply.
        candidate
            The calibration under test.
        layout
            The detector's amplifiers.
        """
        return self.room.product_statistics(candidate, layout)
