"""The verification of a map of defects as a PipelineTask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast, get_args

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from infra.butler.images import calibration_image
from infra.images import CalibrationImage, CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.combine.connections import (
    optional_calibration,
    optional_table,
    raws_input,
    residuals_output,
    statistics_output,
)
from tasks.combine.lookups import candidate_and_former
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.defects.run.completeness import Completeness
from tasks.defects.run.config import DefectsConfig
from tasks.defects.steps.model import ImageType, from_defects
from tasks.defects.steps.tables import defects_from_table
from tasks.defects.verify import churn_statistics, exposure_statistics, map_statistics
from tasks.isr.steps import IsrSteps, Purpose
from tasks.verification.binning import bin_image
from tasks.verification.pipeline_task import ProductMeasurement, VerificationConfig, VerificationTask
from tasks.verification.quantum import (
    detector_record,
    exposure_record,
    group_of,
    input_exposures,
    peeked,
    residual_table,
)

__all__ = ["VerifyDefectsTask"]

_KINDS: tuple[ImageType, ...] = get_args(ImageType.__value__)


class VerifyDefectsConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    """Exposures, the map under test and the one before it in, statistics and residuals out."""

    raws = raws_input("Bias, dark and flat exposures: the inputs of the map and others.")
    # One dataset type cannot have two connections.
    maps = replace(
        optional_table("defects", "The defects under test, and those in use until now, if there are any."),
        minimum=1,
        multiple=True,
        lookupFunction=candidate_and_former,
    )
    crosstalk = optional_table("crosstalk", "Crosstalk to subtract.")
    bias = optional_calibration("biasBootstrap", "Bias to subtract.")
    dark = optional_calibration("darkBootstrap", "Dark to subtract.")
    flats = replace(
        optional_calibration("flatBootstrap", "Flats to divide by.", per_filter=True), multiple=True
    )
    statistics = statistics_output("verifyDefectsStatistics")
    residuals = residuals_output("verifyDefectsResiduals")


class VerifyDefectsConfig(
    PipelineTaskConfig, VerificationConfig, DefectsConfig, pipelineConnections=VerifyDefectsConnections
):
    """Settings of the verification of defects; the thresholds should be those they were found with."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """The map under test."""

    table: Table
    reasons: npt.NDArray[np.uint16]
    former: npt.NDArray[np.uint16] | None


class VerifyDefectsTask(VerificationTask):
    """Measure a map of defects, in itself and on exposures with and without it; every raw is read once."""

    ConfigClass = VerifyDefectsConfig
    _DefaultName: ClassVar[str] = "verifyDefects"
    candidate: ClassVar[str] = "defects"
    purpose: ClassVar[Purpose] = "verifyDefects"

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the maps, the images to remove and, one at a time, the raws."""
        read = read_priors(butlerQC, inputRefs)
        # A graph does not keep the order of the search; the map under test is the one made last.
        maps = sorted(
            ((butlerQC.get(ref), ref) for ref in inputRefs.maps),
            key=lambda one: str(one[0].meta.get("CALIB_CREATION_DATETIME", "")),
            reverse=True,
        )
        table, ref = maps[0]
        former = maps[1][0] if len(maps) > 1 else None
        priors = Priors(read.calibrations, read.cards, {**read.uuids, "defects": str(ref.id)})
        flats = {
            str(ref.dataId["physical_filter"]): calibration_image(butlerQC.get(ref))
            for ref in getattr(inputRefs, "flats", ())
        }
        handles = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        result = self.verify(raw_inputs(handles), priors, table, flats, former)
        butlerQC.put(result, outputRefs)

    def verify(
        self,
        raws: Iterator[RawInput],
        priors: Priors,
        table: Table,
        flats: Mapping[str, CalibrationImage],
        former: Table | None = None,
    ) -> Struct:
        """Measure a map of defects.

        Parameters
        ----------
        raws
            Bias, dark and flat exposures of one detector, in any order.
        priors
            Bias, dark and crosstalk to remove.
        table
            The map under test.
        flats
            Flats by physical filter.
        former
            The map before it.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`. ``residuals``: a table with one row per exposure.
        """
        layout, raws = peeked(raws)
        candidate = _Candidate(table, _map(table, layout), None if former is None else _map(former, layout))
        inputs = input_exposures(table)
        completeness: Completeness | None = None
        measured, binned = [], []
        for raw in raws:
            if completeness is None:
                settings = {
                    kind: getattr(self.config, kind).settings(kind, raw.raw.instrument) for kind in _KINDS
                }
                completeness = Completeness(layout, settings)
            exposure = corrected(raw, self._steps(raw, priors), priors.calibrations)
            kind = cast(ImageType, raw.observation_type)
            if kind in _KINDS:
                completeness.add(exposure, kind, raw.dark_time)
            residual = _residual(exposure, raw, priors, flats.get(raw.physical_filter))
            statistics = exposure_statistics(residual, layout, candidate.reasons != 0)
            group = group_of(raw.exposure, inputs)
            measured.append(exposure_record(raw, group, statistics, self.config.header_keys))
            hidden = np.where(candidate.reasons != 0, np.uint16(MaskPlane.BAD), np.uint16(0))
            binned.append(bin_image(residual.image, residual.mask | hidden, self.config.binning))
            self.log.info("measured exposure %d of detector %d", raw.exposure, raw.detector)
        product = _product(candidate, layout, completeness)
        record = detector_record(
            "defects", table, layout, priors.uuids, measured, product, self.config.header_keys
        )
        return Struct(statistics=record.plain(), residuals=residual_table(measured, binned))

    def _steps(self, raw: RawInput, priors: Priors) -> IsrSteps:
        """Corrections up to what an exposure's own kind supplies, in the unit of the images at hand."""
        kind = raw.observation_type if raw.observation_type in _KINDS else "flat"
        given = [image for image in (priors.calibrations.bias, priors.calibrations.dark) if image is not None]
        in_electrons = any(image.metadata.get("LSST ISR UNITS", "adu") == "electron" for image in given)
        purpose = cast(Purpose, kind if in_electrons else f"{kind}Bootstrap")
        steps: IsrSteps = self.config.isr.steps(purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
        return replace(
            steps,
            mask_saturation=True,
            mask_defects=False,
            make_variance=False,
            optional=steps.optional | {"bias", "dark"},
        )


def _map(table: Table, layout: DetectorLayout) -> npt.NDArray[np.uint16]:
    """Reasons of every pixel."""
    return from_defects(defects_from_table(table), layout.image_shape)


def _residual(
    exposure: CorrectedExposure, raw: RawInput, priors: Priors, flat: CalibrationImage | None
) -> CorrectedExposure:
    """Remove what the exposure's own kind supplies, if it is at hand."""
    image = exposure.image
    bias, dark = priors.calibrations.bias, priors.calibrations.dark
    if raw.observation_type == "bias" and bias is not None:
        image = image - bias.image
    elif raw.observation_type == "dark" and dark is not None:
        image = image - dark.image * np.float32(raw.dark_time)
    elif raw.observation_type == "flat" and flat is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            image = image / flat.image
    return replace(exposure, image=image)


def _product(
    candidate: _Candidate, layout: DetectorLayout, completeness: Completeness | None
) -> ProductMeasurement:
    """Statistics of the map itself."""
    parts: list[dict[str, Any]] = [map_statistics(candidate.reasons, layout)]
    if candidate.former is not None:
        parts.append(churn_statistics(candidate.reasons, candidate.former, layout))
    if completeness is not None:
        parts.append(completeness.statistics(candidate.reasons))
    names = [one.name for one in layout.amplifiers]
    merged = {
        name: {key: value for part in parts for key, value in part[name].items()} for name in [*names, ""]
    }
    return ProductMeasurement({name: merged[name] for name in names}, merged[""])
