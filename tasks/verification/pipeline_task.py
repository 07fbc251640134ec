"""The PipelineTask that verifies a calibration: every raw read once, statistics and binned residuals kept."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
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

from infra.images import CalibrationImage, CorrectedExposure, Metadata
from infra.instruments.geometry import DetectorLayout
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.isr.calibrations import Calibrations
from tasks.isr.config import IsrConfig
from tasks.isr.steps import Purpose
from tasks.verification.binning import bin_image
from tasks.verification.model import DetectorStatistics, ExposureGroup, ExposureStatistics
from tasks.verification.noise import NoiseModel
from tasks.verification.statistics import ResidualStatistics

__all__ = ["Room", "VerificationConfig", "VerificationTask"]


class Room(Protocol):
    """What a calibration's ``verify`` module offers."""

    def noise_model(self, calibration: CalibrationImage, layout: DetectorLayout) -> NoiseModel:
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


class VerificationConfig(Config):
    """Settings shared by the verification of every calibration."""

    isr = ConfigField[IsrConfig](dtype=IsrConfig, doc="Corrections applied before the residual is measured.")
    header_keys = ListField[str](
        dtype=str,
        default=["SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET", "CCDTEMP"],
        doc="Cards of the raw kept with the statistics; limits may depend on them.",
    )
    binning = RangeField(dtype=int, default=8, min=1, doc="Side of a block of the residual images (pixel).")


class VerificationTask(PipelineTask):
    """Apply a calibration to raws and measure what is left."""

    room: ClassVar[Room]
    """The calibration's ``verify`` module."""
    candidate: ClassVar[str]
    """Connection of the calibration under test."""
    purpose: ClassVar[Purpose]
    """Which corrections are made before the residual is measured."""

    config: Any
    """A `VerificationConfig` with the connections of the calibration."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations once and every raw once; note which calibration was really read."""
        priors = read_priors(butlerQC, inputRefs)
        handles = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        result = self.run(raw_inputs(handles), priors.calibrations, priors.uuids)
        butlerQC.put(result, outputRefs)

    def run(self, raws: Any, calibrations: Calibrations, uuids: Mapping[str, str]) -> Struct:
        """Measure the residual of every raw.

        Parameters
        ----------
        raws
            Iterable of `RawInput`, all of one detector.
        calibrations
            Calibrations to apply; the one under test among them.
        uuids
            UUIDs of those datasets.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`. ``residuals``: a table with one row per exposure:
            exposure, group, observed (TAI, MJD) and the binned residual [ny, nx].
        """
        candidate: CalibrationImage = getattr(calibrations, self.candidate)
        inputs = _input_exposures(candidate)
        measured: list[ExposureStatistics] = []
        binned: list[np.ndarray] = []
        model: NoiseModel | None = None
        last: RawInput | None = None
        for raw in raws:
            last = raw
            layout = raw.raw.layout
            model = model or self.room.noise_model(candidate, layout)
            steps = self.config.isr.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
            exposure = corrected(raw, steps, calibrations)
            group = ExposureGroup.GENERATION if raw.exposure in inputs else ExposureGroup.VERIFICATION
            statistics = self.room.residual_statistics(
                exposure, layout, model, group=group, dark_time=raw.dark_time
            )
            cards = {key: raw.raw.primary_header.get(key) for key in self.config.header_keys}
            measured.append(_exposure_statistics(raw, group, statistics, cards))
            binned.append(bin_image(exposure.image, exposure.mask, self.config.binning))
            self.log.info("measured exposure %d of detector %d", raw.exposure, raw.detector)
        if last is None:
            raise NoWorkFound("there are no raws to verify with")
        detector = DetectorStatistics(
            calibration=self.candidate,
            detector=last.detector,
            detector_name=last.raw.layout.name,
            vendor=last.raw.layout.vendor,
            n_inputs=len(inputs) or None,
            calibration_uuids=dict(uuids),
            exposures=tuple(measured),
        )
        return Struct(statistics=detector.plain(), residuals=_residual_table(measured, binned))


def _input_exposures(calibration: CalibrationImage) -> frozenset[int]:
    """Exposures a calibration was made from, as its own header lists them."""
    return frozenset(
        int(value)
        for key, value in calibration.metadata.items()
        if key.startswith("CPP_INPUT_") and key.removeprefix("CPP_INPUT_").isdigit() and value is not None
    )


def _exposure_statistics(
    raw: RawInput, group: ExposureGroup, statistics: ResidualStatistics, cards: Metadata
) -> ExposureStatistics:
    return ExposureStatistics(
        exposure=raw.exposure,
        group=group,
        day_obs=raw.day_obs,
        observed_mjd=0.5 * (raw.begin_mjd + raw.end_mjd),
        exposure_time=raw.exposure_time,
        dark_time=raw.dark_time,
        physical_filter=raw.physical_filter,
        amplifiers=statistics.amplifiers,
        problems=statistics.problems,
        detector=statistics.detector,
        metadata=cards,
    )


def _residual_table(measured: list[ExposureStatistics], binned: list[np.ndarray]) -> Table:
    return Table(
        {
            "exposure": np.array([one.exposure for one in measured], np.int64),
            "group": [one.group.value for one in measured],
            "observed": np.array([one.observed_mjd for one in measured]),
            "residual": np.stack(binned),
        }
    )
