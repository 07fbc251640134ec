"""Injected truth: images from a simulated camera, of which every defect is known."""

import numpy as np
import pytest

from tasks.defects.algorithm import (
    DefectReason,
    defects_from_table,
    defects_of_map,
    defects_to_table,
    edges_for,
    find_defects,
    merge_defects,
    settings_for,
)
from tests.defects.detectors import combined
from tests.simulator.nights import QUIET, exposures_of, night, reduce

CAMERA = {
    **QUIET,
    "dark_current": {},
    "bias_structure": {},
    # Many lie near the thresholds, on either side.
    "defects": {
        "hot_pixels": 1000,
        "hot_rate": (1.0, 200.0),
        "dead_pixels": 1000,
        "dead_response": (0.0, 1.0),
        "hot_columns": 4,
        "dead_columns": 4,
    },
    "illumination": {**QUIET["illumination"], "pixel_response": 0.006},
}
DARK_TIME = 60.0


@pytest.fixture(scope="module")
def searched():
    """Sensor, and the defects found in its combined bias, dark and flat (adu, adu/s, 1)."""
    sets = [
        {"name": "bias", "type": "bias", "count": 5},
        {"name": "dark", "type": "dark", "count": 4, "exposure_time": DARK_TIME},
        {"name": "flat", "type": "flat", "count": 3, "exposure_time": 6.0, "filter": "SDSSr_65mm~empty"},
    ]
    specification = night(*sets, camera=CAMERA)
    sensor, raws = exposures_of(specification)
    gain = np.ones(sensor.layout.image_shape)
    for one in sensor.layout.amplifiers:
        gain[one.image_box.slices] = one.gain
    images = np.array([reduce(raw, sensor) for raw in raws]) / gain
    bias = images[:5].mean(axis=0)
    dark = (images[5:9].mean(axis=0) - bias) / DARK_TIME
    flat = images[9:].mean(axis=0) - bias
    flat /= np.median(flat)
    partial = {
        kind: find_defects(combined(image), sensor.layout, kind, settings_for(kind, "LATISS"))
        for kind, image in (("bias", bias), ("dark", dark), ("flat", flat))
    }
    merged = merge_defects({kind: [one] for kind, one in partial.items()}, sensor.layout)
    return sensor, partial, merged


def above_threshold(sensor):
    """Return the pixels 3 electron/s above the others, or below 0.9 of their response.

    The noise of the combined images is 0.05 electron/s and 0.6 %. With rates uniform in the logarithm from 1
    to 200 and responses uniform from 0 to 1, 0.3 % of the pixels fall on the wrong side of a threshold.
    """
    return (sensor.defects.extra_dark_rate > 3.0) | (sensor.defects.response < 0.9)


def rate(numerator, denominator):
    return np.count_nonzero(numerator) / np.count_nonzero(denominator)


def test_what_is_above_the_threshold_is_found_and_hardly_anything_else(searched):
    sensor, _, merged = searched
    truth = above_threshold(sensor)
    by_threshold = merged.reasons & np.uint8(DefectReason.HOT | DefectReason.COLD) != 0
    assert rate(truth & merged.mask, truth) > 0.99
    assert rate(truth & by_threshold, by_threshold) > 0.99
    # The rest is what lies between the defects of a column: sound by itself, and not trusted.
    rest = merged.mask & ~by_threshold
    assert (merged.reasons[rest] == DefectReason.COLUMN).all()
    assert rate(rest, merged.mask) < 0.02


def test_the_reason_tells_hot_from_cold(searched):
    sensor, partial, merged = searched
    hot, cold = sensor.defects.extra_dark_rate > 3.0, sensor.defects.response < 0.9
    is_hot = merged.reasons & np.uint8(DefectReason.HOT) != 0
    is_cold = merged.reasons & np.uint8(DefectReason.COLD) != 0
    assert rate(is_hot & hot, hot) > 0.99
    assert rate(is_hot & hot, is_hot) > 0.99
    assert rate(is_cold & cold, cold) > 0.99
    assert rate(is_cold & cold, is_cold) > 0.99
    assert not partial["bias"].mask.any()
    not_hot = partial["dark"].reasons[sensor.defects.extra_dark_rate == 0]
    assert not (not_hot & np.uint8(DefectReason.HOT)).any()


def test_columns_are_named_as_columns(searched):
    sensor, _, merged = searched
    for runs, kind in (
        (sensor.defects.hot_columns, DefectReason.HOT),
        (sensor.defects.dead_columns, DefectReason.COLD),
    ):
        for x, y0, y1 in runs:
            if y1 - y0 >= 50:
                assert (merged.reasons[y0:y1, x] & np.uint8(DefectReason.COLUMN) != 0).all()
                assert (merged.reasons[y0:y1, x] & np.uint8(kind) != 0).all()


def test_counts_of_the_header_are_those_of_the_truth(searched):
    sensor, _, merged = searched
    cards = merged.cards()
    n_hot = sum(int(cards[f"LSST CALIB DEFECTS {one.name} N_HOT"]) for one in sensor.layout.amplifiers)
    expected = np.count_nonzero(sensor.defects.extra_dark_rate > 3.0)
    assert n_hot == pytest.approx(expected, rel=0.01)
    assert cards["CALPROD DEFECTS FRACTION"] == pytest.approx(merged.mask.mean())


def test_edges_and_boxes_of_a_person_are_added_with_their_reason(searched):
    sensor, partial, _ = searched
    ny, nx = sensor.layout.image_shape
    box = sensor.layout.amplifiers[3].image_box
    maps = {kind: [one] for kind, one in partial.items()}
    merged = merge_defects(maps, sensor.layout, edge=edges_for("LATISS"), manual=[box])
    expected = ny * nx - (ny - 10) * (nx - 10)
    assert merged.count(DefectReason.EDGE) == expected
    assert merged.count(DefectReason.MANUAL) == box.area
    again = defects_from_table(defects_to_table(defects_of_map(merged)))
    found = np.zeros((ny, nx), bool)
    for one in again:
        assert not found[one.box.slices].any()  # no two overlap
        found[one.box.slices] = True
    np.testing.assert_array_equal(found, merged.mask)
