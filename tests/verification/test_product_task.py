"""The task that measures a calibration itself, and the one that applies it, with raws in memory."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from lsst.pipe.base import NoWorkFound

from infra.raws.reader import RawFile
from tasks.bias.pipeline_task import VerifyBiasConfig, VerifyBiasTask
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.isr.calibrations import Calibrations
from tasks.verification.model import DetectorStatistics, ExposureGroup
from tasks.verification.pipeline_task import (
    ProductMeasurement,
    ProductVerificationConfig,
    ProductVerificationTask,
)
from tests.isr.raws import LAYOUT, SMALL, raw
from tests.verification.simulated import calibration_image

NAMES = tuple(one.name for one in LAYOUT.amplifiers)


def raws(number: int, read: list[int] | None = None):
    """Yield raws, noting which were asked for."""
    for n in range(number):
        exposure = 2024032600001 + n
        if read is not None:
            read.append(exposure)
        header = {"INSTRUME": "LATISS", "SEQNAME": "a.seq"}
        file = RawFile(Path("memory"), "LATISS", header, {}, SMALL, LAYOUT, raw(seed=n))
        begin = 60396.0 + n / 1440
        yield RawInput(exposure, LAYOUT.id, 20240326, "empty~empty", begin, begin + 1e-4, 0.0, 0.1, file)


class CurveRoom:
    """Gains by amplifier; one has none, one is left out."""

    def product_statistics(self, table: Table, layout) -> ProductMeasurement:
        gains = dict(zip(table["AMPLIFIER"], table["GAIN"], strict=True))
        problems = {name: "no light" for name, gain in gains.items() if not np.isfinite(gain)}
        return ProductMeasurement(
            {name: {"GAIN": float(gain)} for name, gain in gains.items()},
            {"N_BAD": float(len(problems))},
            problems,
        )


class CurveTask(ProductVerificationTask):
    ConfigClass = ProductVerificationConfig
    _DefaultName = "verifyCurve"
    candidate = "ptc"
    room = CurveRoom()


def curve() -> Table:
    gains = np.full(len(NAMES) - 1, 1.25)
    gains[2] = np.nan
    table = Table({"AMPLIFIER": NAMES[:-1], "GAIN": gains})
    table.meta |= {"SEQNAME": "a.seq", "MJD-BEG": 60396.0, "MJD-END": 60396.5}
    table.meta |= {"CPP_INPUT_0": 2024032600001, "CPP_INPUT_1": 2024032600002, "CPP_INPUT_DATE_0": 60396.0}
    return table


def test_table_is_measured_and_only_one_raw_is_read() -> None:
    read: list[int] = []
    result = CurveTask(config=ProductVerificationConfig()).run(
        raws(4, read), Priors(uuids={"ptc": "a-uuid"}), curve()
    )
    record = DetectorStatistics.model_validate(result.statistics)
    assert read == [2024032600001]
    assert (record.calibration, record.detector, record.vendor) == ("ptc", LAYOUT.id, LAYOUT.vendor)
    assert record.calibration_uuids == {"ptc": "a-uuid"}
    assert record.n_inputs == 2
    assert record.product_observed_mjd == 60396.25
    assert record.product_metadata == {"SEQNAME": "a.seq"}
    assert record.exposures == ()
    # Every amplifier of the detector is there: the one the table leaves out without any statistic.
    assert tuple(record.product_amplifiers) == NAMES
    assert record.product_amplifiers[NAMES[-1]] == {}
    assert record.product_problems == {NAMES[2]: "no light"}


def test_task_may_stream_the_raws() -> None:
    class Streaming(CurveTask):
        def measure(self, raws, priors, candidate, layout) -> ProductMeasurement:
            return ProductMeasurement(detector={"N_RAWS": float(sum(1 for _ in raws))})

    read: list[int] = []
    result = Streaming(config=ProductVerificationConfig()).run(raws(4, read), Priors(), curve())
    record = DetectorStatistics.model_validate(result.statistics)
    assert record.product_detector == {"N_RAWS": 4.0}
    assert len(read) == 4, "the first is not read twice"


def test_no_raws_are_no_work() -> None:
    with pytest.raises(NoWorkFound):
        CurveTask(config=ProductVerificationConfig()).run(iter(()), Priors(), curve())


def test_image_is_applied_to_every_raw_and_its_inputs_are_known() -> None:
    bias = calibration_image(np.zeros(LAYOUT.image_shape), n_inputs=2)
    priors = Priors(Calibrations(bias=bias), uuids={"bias": "a-uuid"})
    task = VerifyBiasTask(config=VerifyBiasConfig())
    result = task.run(raws(3), priors, bias)
    record = DetectorStatistics.model_validate(result.statistics)
    assert [one.group for one in record.exposures] == [ExposureGroup.GENERATION] * 2 + [
        ExposureGroup.VERIFICATION
    ]
    assert all(set(one.amplifiers) == set(NAMES) for one in record.exposures)
    assert record.exposures[0].metadata["SEQNAME"] == "a.seq"
    assert record.product_amplifiers == {}
    assert list(result.residuals["exposure"]) == [one.exposure for one in record.exposures]
    # Read noise of 6 adu about zero is left, and what its own overscans of some 30 pixels add: 6 %.
    noise = record.exposures[0].amplifiers["C10"]["NOISE"]
    gain = record.exposures[0].amplifiers["C10"]["GAIN"]
    assert noise == pytest.approx(6.0 * gain, rel=0.1)
