"""A small repository with bootstrap products of a known make."""

from pathlib import Path

import numpy as np
from lsst.daf.butler import Butler, DatasetType

from infra.butler.execution import PipelineRequest, run_pipeline
from infra.butler.images import masked_image
from infra.butler.repository import create_repository, open_butler, register_instrument
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.class_names import instrument_class_name
from tests.defects.detectors import LATISS

PIPELINES = Path(__file__).resolve().parents[2] / "deployments" / "pipelines"
RUN = "LATISS/bootstrap"
FILTER = "SDSSr_65mm~empty"
OTHER_FILTER = "SDSSg_65mm~empty"
SHAPE = LATISS.image_shape

HOT = [(30, 40), (311, 901)]
"""Pixels (y, x) of 20 electron/s."""
COLD = [(50, 60), (201, 500)]
"""Pixels (y, x) of half the light."""
COLUMN = (100, 70, 170)
"""Column x that is cold from y0 to y1, every other pixel."""
SATURATED = (700, 0, 30)
"""Column x that is saturated from y0 to y1."""


def make_repository(root: Path) -> None:
    """Make a repository that knows LATISS, and the dataset types of its bootstrap products."""
    create_repository(root)
    with open_butler(root, writeable=True) as butler:
        register_instrument(butler, instrument_class_name("LATISS"))
        butler.collections.register(RUN)
        for name in ("biasBootstrap", "darkBootstrap", "flatBootstrap"):
            _register(butler, name, "MaskedImageV2", per_filter=name.startswith("flat"))
        _register(butler, "manual_defects", "AstropyTable")


def _register(butler: Butler, name: str, storage_class: str, *, per_filter: bool = False) -> None:
    dimensions = ("instrument", "detector", "physical_filter")[: 3 if per_filter else 2]
    butler.registry.registerDatasetType(
        DatasetType(name, dimensions, storage_class, universe=butler.dimensions, isCalibration=True)
    )


def bias(unit: str = "adu", seed: int = 0) -> CalibrationImage:
    """Return a bias with a column that is saturated in part."""
    image = np.random.default_rng(seed).normal(0.0, 2.0, SHAPE)
    mask = np.zeros(SHAPE, np.uint16)
    x, y0, y1 = SATURATED
    image[y0:y1, x], mask[y0:y1, x] = 130_000.0, MaskPlane.SAT
    return _calibration(image, mask, unit, range(10))


def dark(unit: str = "adu", seed: int = 1) -> CalibrationImage:
    """Return a dark with hot pixels, in adu/s or electron/s."""
    image = np.random.default_rng(seed).normal(0.02, 0.05, SHAPE)
    for y, x in HOT:
        image[y, x] = 20.0
    if unit == "adu":
        for one in LATISS.amplifiers:
            image[one.image_box.slices] /= one.gain
    return _calibration(image, np.zeros(SHAPE, np.uint16), unit, range(20, 26))


def flat(unit: str = "adu", n: int = 8, seed: int = 2) -> CalibrationImage:
    """Return a flat with cold pixels and a cold column."""
    image = np.random.default_rng(seed).normal(1.0, 0.005, SHAPE)
    for y, x in COLD:
        image[y, x] = 0.5
    x, y0, y1 = COLUMN
    image[y0:y1:2, x] = 0.3
    return _calibration(image, np.zeros(SHAPE, np.uint16), unit, range(40, 40 + n))


def _calibration(image: np.ndarray, mask: np.ndarray, unit: str, exposures: range) -> CalibrationImage:
    cards = {"LSST ISR UNITS": unit, "SEQNAME": "FP_ITL_2s_ir2_v25.seq"}
    cards |= {"CALIB_CREATION_DATETIME": "2024-04-05T06:07:08"}
    cards |= {"MJD-BEG": 60387.0 + exposures[0] / 1440, "MJD-END": 60387.0 + exposures[-1] / 1440}
    for i, number in enumerate(exposures):
        cards |= {f"CPP_INPUT_{i}": 2024031800000 + number, f"CPP_INPUT_EXPT_{i}": 1.0}
    variance = np.full(SHAPE, 1e-4, np.float32)
    return CalibrationImage(image.astype(np.float32), mask, variance, cards)


def put(butler: Butler, name: str, image: CalibrationImage, **data_id: str) -> None:
    """Store a combined image."""
    butler.put(masked_image(image), name, {"instrument": "LATISS", "detector": 0, **data_id}, run=RUN)


def search(butler: Butler, run: str = "LATISS/defects", **overrides: str):
    """Run the pipeline; return the table of defects."""
    request = PipelineRequest(
        pipeline=PIPELINES / "defects.yaml",
        where="instrument='LATISS'",
        inputs=(RUN,),
        output=f"{run}.chain",
        output_run=run,
        overrides={f"defects:{key}": value for key, value in overrides.items()},
    )
    (ref,) = run_pipeline(butler, request).outputs["defects"]
    return butler.get(ref)
