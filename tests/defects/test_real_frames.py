"""Defects of a real camera of another kind: an SBIG STL-1001E (KAF-1001E), one amplifier and no overscan."""

import json

import numpy as np
import pytest
from astropy.io import fits

from tasks.bias.pipeline_task import BiasBootstrapTask
from tasks.dark.pipeline_task import DarkBootstrapTask
from tasks.defects.algorithm import (
    DefectReason,
    DefectSettings,
    defects_from_table,
    defects_of_map,
    find_defects,
    merge_defects,
)
from tasks.defects.pipeline_task import DefectsTask
from tasks.defects.steps.model import from_defects
from tasks.flat.pipeline_task import FlatBootstrapTask
from tasks.isr.calibrations import Calibrations
from tests.cameras.stl1001e import read_series
from tests.defects.detectors import combined, detector

LAYOUT = detector(1, 1, 1024, 1024)


@pytest.fixture(scope="module")
def series(test_data):
    """Dark of 60 s (adu) and flat, combined by their medians, and the values worked out independently."""
    frames = test_data / "frames" / "stl1001"

    def stack(*patterns):
        paths = sorted(path for pattern in patterns for path in frames.glob(pattern))
        return np.stack([fits.getdata(path).astype(np.float32) for path in paths])

    bias = np.median(stack("biases-Neg5*"), axis=0)
    # The files "expos1" hold 60 s too.
    dark = np.median(stack("darks-expos1-*", "darks-expos60s-Neg5*"), axis=0) - bias
    flats = stack("flat-*") - bias
    flat = np.mean(flats / np.median(flats, axis=(1, 2), keepdims=True), axis=0)
    reference = json.loads((test_data / "frames" / "stl1001_reference.json").read_text())
    return dark, flat, reference


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("level", "key"), [(200.0, "hot_pixels_60s_gt_200adu"), (1000.0, "hot_pixels_60s_gt_1000adu")]
)
def test_hot_pixels_of_a_real_dark(series, level, key):
    dark, _, reference = series
    # The search starts from the mean of the amplifier, the reference from 0.
    settings = DefectSettings("VALUE", dark_value=level - reference["dark60_median_adu"])
    found = find_defects(combined(dark), LAYOUT, "dark", settings)
    # The reference combined other frames of the same dark; mean and median of the sky differ by 1 adu.
    assert sum(found.n_hot.values()) == pytest.approx(reference[key], rel=0.01)


@pytest.mark.shared_data
def test_cold_pixels_of_a_real_flat(series):
    dark, flat, reference = series
    found = find_defects(combined(flat), LAYOUT, "flat", DefectSettings("VALUE", flat_value=0.8))
    assert sum(found.n_cold.values()) == reference["flat_pix_lt_0.8"]
    hot = find_defects(combined(dark), LAYOUT, "dark", DefectSettings("VALUE", dark_value=200.0))
    merged = merge_defects({"dark": [hot], "flat": [found]}, LAYOUT)
    boxes = defects_of_map(merged)
    assert sum(one.box.area for one in boxes) == np.count_nonzero(merged.mask)


@pytest.mark.shared_data
def test_the_tasks_find_the_same_from_the_raw_files_on(test_data, series, monkeypatch):
    monkeypatch.setenv("CALPROD_CAMERA", "stl1001e")
    _, _, reference = series
    raws = read_series(test_data)

    def made(task, inputs, **calibrations):
        made = task(config=task.ConfigClass()).run(
            iter(inputs), Calibrations(**calibrations), {}, len(inputs)
        )
        return made.calibration

    bias = made(BiasBootstrapTask, raws.of("bias", -5.0))
    dark = made(DarkBootstrapTask, raws.of("dark", -5.0, 60.0), bias=bias)
    flat = made(FlatBootstrapTask, raws.of("flat", -5.0), bias=bias, dark=dark)
    config = DefectsTask.ConfigClass()
    # 200 adu in 60 s above zero, in electron/s above the mean.
    gain, mean = raws.of("bias", -5.0)[0].raw.layout.amplifiers[0].gain, reference["dark60_median_adu"]
    config.dark.threshold_type, config.dark.dark_value = "VALUE", (200.0 - mean) / 60.0 * gain
    config.flat.threshold_type, config.flat.flat_value = "VALUE", 0.8
    images = {"bias": bias, "dark": dark, "flat": flat}
    instrument = raws.description.instrument
    table = DefectsTask(config=config).run(images, instrument, 0).output
    assert (table.meta["INSTRUME"], table.meta["DETECTOR"]) == (instrument, 0)
    found = from_defects(defects_from_table(table), (1024, 1024))
    hot = np.count_nonzero(found & np.uint16(DefectReason.HOT))
    assert hot == pytest.approx(reference["hot_pixels_60s_gt_200adu"], rel=0.02)
    # Of pixels of some 10000 adu in the dark, so much is subtracted that they are cold in the flat, too.
    is_cold = found & np.uint16(DefectReason.COLD) != 0
    assert (dark.image[is_cold & (found & np.uint16(DefectReason.HOT) != 0)] * 60.0 > 5000.0).all()
    only_cold = np.count_nonzero(is_cold & (found & np.uint16(DefectReason.HOT) == 0))
    assert only_cold == pytest.approx(reference["flat_pix_lt_0.8"], abs=1)
