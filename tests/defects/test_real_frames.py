"""Defects of a real camera of another kind: an SBIG STL-1001E (KAF-1001E), one amplifier and no overscan."""

import json

import numpy as np
import pytest
from astropy.io import fits

from tasks.defects.algorithm import DefectSettings, defects_of_map, find_defects, merge_defects
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
