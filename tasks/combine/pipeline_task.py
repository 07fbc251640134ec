"""The PipelineTask that combines raws: one quantum reads every raw of a detector once."""

import logging
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from lsst.pex.config import Config, ConfigField, Field, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from infra.butler.images import masked_image
from infra.images import CorrectedExposure, Metadata
from infra.ledger.clock import now
from tasks.combine.calibration import CombinedCalibration, CombineOptions
from tasks.combine.metadata import CombineInput
from tasks.combine.priors import read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.combine.stack import PROPAGATION_LIMIT
from tasks.isr.calibrations import Calibrations
from tasks.isr.camera_state import state_mismatches
from tasks.isr.chain import correct
from tasks.isr.config import IsrConfig
from tasks.isr.preparation import wanted_calibrations
from tasks.isr.steps import IsrSteps, Purpose
from tasks.isr.work import Workspace

__all__ = ["CombineConfig", "CombineTask", "Exposures", "corrected"]

_log = logging.getLogger(__name__)

type Exposures = Iterator[tuple[CombineInput, CorrectedExposure]]
"""Corrected exposures as they come, with what is known of each."""


class CombineConfig(Config):
    """Settings shared by every combined calibration."""

    isr = ConfigField[IsrConfig](
        dtype=IsrConfig, doc="Corrections applied to each exposure before it is combined."
    )
    n_sigma = RangeField(
        dtype=float, default=3.0, min=0.5, doc="Half-width of the clip (standard deviations)."
    )
    n_iterations = RangeField(dtype=int, default=3, min=1, doc="Number of clipping passes.")
    n_threads = Field[int](
        dtype=int, default=0, doc="Threads that stack; 0 for one per core. The result is the same."
    )


class CombineTask(PipelineTask):
    """Combine the raws of one detector into a calibration."""

    calibration: ClassVar[Purpose]
    """Dataset type of the output."""

    config: Any
    """A `CombineConfig` with the connections of the calibration."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the calibrations, stream the raws through the combination, and store the result."""
        priors = read_priors(butlerQC, inputRefs)
        handles = butlerQC.get(inputRefs.raws)
        result = self.run(raw_inputs(handles), priors.calibrations, priors.cards, len(handles))
        butlerQC.put(Struct(output=masked_image(result.calibration)), outputRefs)

    def run(
        self,
        raws: Iterator[RawInput],
        calibrations: Calibrations,
        provenance: Metadata,
        expected: int | None = None,
    ) -> Struct:
        """Combine raws.

        Parameters
        ----------
        raws
            Raws of one detector; each is read, corrected and let go of before the next.
        calibrations
            Calibrations to apply.
        provenance
            Cards that say which those are.
        expected
            Number of raws to come, if known.

        Returns
        -------
        Struct
            ``calibration``: a `CalibrationImage`.
        """
        first = next(raws, None)
        if first is None:
            raise NoWorkFound("there are no raws to combine")
        options = CombineOptions(
            layout=first.raw.layout,
            created=now(),
            n_sigma=self.config.n_sigma,
            n_iterations=self.config.n_iterations,
            n_threads=self.config.n_threads or os.cpu_count() or 1,
            expected=expected,
        )
        exposures = self._exposures(first, raws, calibrations, provenance, expected)
        combined = self.combine(exposures, options)
        self.log.info("combined %d exposures of detector %d", len(combined.inputs), first.detector)
        return Struct(calibration=combined.image)

    @abstractmethod
    def combine(self, exposures: Exposures, options: CombineOptions) -> CombinedCalibration:
        """Combine corrected exposures by the calibration's own rule."""

    def _exposures(
        self,
        first: RawInput,
        rest: Iterator[RawInput],
        calibrations: Calibrations,
        provenance: Metadata,
        expected: int | None,
    ) -> Exposures:
        # The combination is done with an exposure before it asks for the next, and looks at variances only
        # where there are too few exposures to measure the scatter.
        workspace = Workspace()
        make_variance = expected is None or expected < PROPAGATION_LIMIT
        for raw in _chain(first, rest):
            steps = self.config.isr.steps(self.calibration, raw.raw.instrument, has_overscan=raw.has_overscan)
            steps = replace(steps, make_variance=make_variance)
            exposure = corrected(raw, steps, calibrations, workspace)
            self.log.verbose("corrected exposure %d", raw.exposure)
            yield _combine_input(raw, _of_used(provenance, steps)), exposure


def corrected(
    raw: RawInput,
    steps: IsrSteps,
    calibrations: Calibrations,
    workspace: Workspace | None = None,
) -> CorrectedExposure:
    """Remove the instrument's signature from a raw.

    Parameters
    ----------
    raw
        The raw.
    steps
        Corrections to make.
    calibrations
        Calibrations to apply; gains and read noises are those of the camera model where it has no responses.
    workspace
        Memory for the exposure, which is overwritten when it is passed again; its own when None.
    """
    exposure = correct(
        raw.raw.image,
        raw.raw.layout,
        steps,
        calibrations,
        dark_time=raw.dark_time,
        seed=raw.seed,
        header=raw.raw.primary_header,
        workspace=workspace,
    )
    for name, keys in state_mismatches(exposure.metadata).items():
        _log.warning(
            "exposure %d: the %s was made in another state of the camera, %s", raw.exposure, name, keys
        )
    if exposure.metadata.get("LSST ISR BF CONVERGED") is False:
        _log.warning("exposure %d: the brighter-fatter correction did not converge", raw.exposure)
    return exposure


def _chain(first: RawInput, rest: Iterator[RawInput]) -> Iterator[RawInput]:
    yield first
    # The first would otherwise stay in memory for as long as the rest is read.
    del first
    yield from rest


def _of_used(provenance: Metadata, steps: IsrSteps) -> Metadata:
    """Cards of the calibrations that the steps ask for; a camera may not use all that a task can read."""
    wanted = wanted_calibrations(steps)
    unused = {name.upper() for name, is_wanted in wanted.items() if not is_wanted}
    return {key: value for key, value in provenance.items() if key.rpartition(" ")[2] not in unused}


def _combine_input(raw: RawInput, provenance: Metadata) -> CombineInput:
    return CombineInput(
        exposure=raw.exposure,
        begin_mjd=raw.begin_mjd,
        end_mjd=raw.end_mjd,
        exposure_time=raw.exposure_time,
        dark_time=raw.dark_time,
        header={**raw.raw.primary_header, **provenance},
    )
