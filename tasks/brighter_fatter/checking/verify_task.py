"""The verification of a brighter-fatter kernel as a PipelineTask."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from infra.instruments.layout import DetectorLayout
from tasks.brighter_fatter.checking.config import CheckConfig
from tasks.brighter_fatter.checking.growth import growth_of_spots
from tasks.brighter_fatter.checking.pairs import compare_pairs, ordered_pairs, without_kernel
from tasks.brighter_fatter.checking.spots import Spots, measure_spots
from tasks.brighter_fatter.kernel.table import from_table
from tasks.brighter_fatter.verify import Evidence, covariance_table, judgement_of, product_statistics
from tasks.combine.connections import (
    optional_calibration,
    optional_table,
    raws_input,
    statistics_output,
    table_prerequisite,
)
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors, read_priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.flat_pairs.config import SequenceConfig
from tasks.flat_pairs.pairing import Pairing
from tasks.flat_pairs.reading import ReadRaw, paired, read_raw_of
from tasks.isr.steps import Purpose
from tasks.isr.work import Workspace
from tasks.verification.model import StatisticValues
from tasks.verification.pipeline_task import ProductVerificationConfig, ProductVerificationTask
from tasks.verification.quantum import detector_record, input_exposures, read_candidate

__all__ = ["VerifyBfkConfig", "VerifyBfkTask"]

_DIMENSIONS = ("instrument", "detector")


class VerifyBfkConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats, exposures of spots if any, and the kernel under test in; statistics out."""

    raws = raws_input("Pairs of flats, new to the kernel or its inputs, and exposures of stars or spots.")
    bfk = table_prerequisite("bfk", "The kernel under test.")
    ptc = optional_table("ptc", "Gains; those of the kernel itself are used for flats.")
    crosstalk = optional_table("crosstalk", "Crosstalk to correct for.")
    linearizer = optional_table("linearizer", "Non-linearity to correct for.")
    cti = optional_table("cti", "Charge transfer inefficiency to correct for.")
    defects = optional_table("defects", "Defects to mask.")
    bias = optional_calibration("biasBootstrap", "Bias (adu) to subtract, for a camera without overscan.")
    dark = optional_calibration("dark", "Dark (adu/s) to subtract, in the order of 2024-04.")
    statistics = statistics_output("verifyBfkStatistics")
    covariances = connection.Output(
        doc="Covariances of the flats without and with the kernel, a row per amplifier and pair.",
        name="verifyBfkCovariances",
        storageClass="ArrowAstropy",
        dimensions=_DIMENSIONS,
    )

    def __init__(self, *, config: "VerifyBfkConfig") -> None:
        if config.isr.order != "2024-04":
            del self.dark


class VerifyBfkConfig(
    PipelineTaskConfig,
    SequenceConfig,
    ProductVerificationConfig,
    CheckConfig,
    pipelineConnections=VerifyBfkConnections,
):
    """Settings of the verification of a kernel; pairs are measured as for the curve it was made from."""

    def setDefaults(self) -> None:
        """Few lags are needed, and the kernel is applied whatever the camera's own method."""
        self.n_lags = 3
        self.isr.brighter_fatter_method = "COULTON18"


class VerifyBfkTask(ProductVerificationTask):
    """Apply a kernel to flats and spots, and measure what is left; see `tasks.brighter_fatter.verify`."""

    ConfigClass = VerifyBfkConfig
    _DefaultName: ClassVar[str] = "verifyBfk"
    candidate: ClassVar[str] = "bfk"
    purpose: ClassVar[Purpose] = "verifyBfk"

    config: VerifyBfkConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,  # noqa: N803
        inputRefs: InputQuantizedConnection,  # noqa: N803
        outputRefs: OutputQuantizedConnection,  # noqa: N803
    ) -> None:
        """Read the kernel, and the exposures chosen."""
        candidate, priors = read_candidate(
            butlerQC, inputRefs, self.candidate, read_priors(butlerQC, inputRefs)
        )
        handles: Sequence[DeferredDatasetHandle] = butlerQC.get(inputRefs.raws)
        if not handles:
            raise NoWorkFound("there are no raws to verify with")
        flats = [one for one in handles if _type_of(one) == "flat"]
        spots = [one for one in handles if _type_of(one) not in ("flat", "bias", "dark")]
        pairing = paired(flats, self.config) if flats else Pairing((), ())
        first = next(raw_inputs(handles[:1]))
        numbers = tuple(int(one.dataId["exposure"]) for one in spots)
        result = self.compare(first, candidate, priors, pairing, numbers, read_raw_of(handles))
        butlerQC.put(result, outputRefs)

    def compare(
        self,
        raw: RawInput,
        candidate: Table,
        priors: Priors,
        pairing: Pairing,
        spots: Sequence[int],
        read: ReadRaw,
    ) -> Struct:
        """Measure a kernel.

        Parameters
        ----------
        raw
            Any raw of the detector, for its layout.
        candidate
            The kernel under test.
        priors
            Calibrations to apply, that kernel among them.
        pairing
            Pairs of flats.
        spots
            Exposures of stars or spots.
        read
            Reads a raw.

        Returns
        -------
        Struct
            ``statistics``: a dumped `DetectorStatistics`. ``covariances``: a table, see
            `tasks.brighter_fatter.verify.covariance_table`.
        """
        layout = raw.raw.layout
        inputs, most = input_exposures(candidate), self.config.most_pairs
        pairs, is_held_out = ordered_pairs(pairing.pairs, inputs, most)
        compared = compare_pairs(
            pairs,
            read,
            self.purpose,
            self.config.isr,
            priors,
            self.config.sequence_settings((math.inf, -math.inf)),
            most=most,
            is_useful=judgement_of(candidate, self.config.lowest_signal),
        )
        growth = self._growth(spots[: self.config.most_spots], read, priors, _gains(candidate, layout))
        n_pairs, n_new = compared.n_pairs, compared.n_pairs if is_held_out else 0
        evidence = Evidence(
            compared.before, compared.after, n_pairs, n_new, growth, self.config.lowest_signal
        )
        product = product_statistics(candidate, layout, evidence)
        record = detector_record(
            self.candidate, candidate, layout, priors.uuids, (), product, self.config.header_keys
        )
        for name, reason in product.problems.items():
            self.log.warning("amplifier %s has no valid kernel: %s", name, reason)
        self.log.info(
            "measured the kernels of detector %d with %d pairs of flats, %s, and %d exposures of spots",
            layout.id,
            n_pairs,
            "all new to them" if is_held_out else "all of them their own inputs",
            len(spots[: self.config.most_spots]),
        )
        return Struct(statistics=record.plain(), covariances=covariance_table(candidate, evidence))

    def _growth(
        self, spots: Sequence[int], read: ReadRaw, priors: Priors, gains: dict[str, float]
    ) -> StatisticValues:
        """Measure spots without and with the kernel."""
        before: list[Spots] = []
        after: list[Spots] = []
        workspace = Workspace()
        for exposure in spots:
            raw = read(exposure)
            steps = replace(self.steps(raw), make_variance=False, mask_saturation=True)
            for found, calibrations in ((before, without_kernel(priors)), (after, priors)):
                frame = corrected(raw, steps, calibrations.calibrations, workspace)
                image = frame.image.copy()
                for one in raw.raw.layout.amplifiers:
                    image[one.image_box.slices] *= np.float32(gains[one.name])
                found.append(measure_spots(image, frame.mask))
        return growth_of_spots(before, after)


def _type_of(handle: DeferredDatasetHandle) -> str:
    """Return the observation type of a deferred raw; empty without a record."""
    record = handle.dataId.records["exposure"]
    return "" if record is None else str(record.observation_type)


def _gains(candidate: Table, layout: DetectorLayout) -> dict[str, float]:
    """Gains of the kernel (electron/adu), those of the camera model where it has none."""
    known = {one.name: one.gain for one in layout.amplifiers}
    found = {one.name: one.gain for one in from_table(candidate).amplifiers}
    return known | {name: gain for name, gain in found.items() if np.isfinite(gain) and gain > 0}
