"""The light of the screen taken out of flats, vignetting, the table of the light, bins."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import CalibrationImage, MaskPlane
from infra.instruments.focal_plane import detector_centre, pixel_positions
from infra.instruments.layout import Box
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM
from tasks.catalogue import entry_of
from tasks.flat.algorithm import merge_colours
from tasks.flat.figures import figures
from tasks.flat.gradient.bins import bin_size, binned_flat, bins_from_tables
from tasks.flat.gradient.correction import remove_gradient
from tasks.flat.gradient.fitting import fit_gradient
from tasks.flat.gradient.model import FlatGradient
from tasks.flat.gradient.recipe import Vignetting, gradient_settings, vignetting
from tasks.flat.gradient.table import gradient_from_table, gradient_table
from tasks.flat.run.colours_task import FlatColoursTask
from tests.flat.chips import flat_of, layout_of

LIGHT = FlatGradient(
    np.array([0.0, 30.0, 60.0, 90.0]),
    np.array([1.0, 0.996, 0.985, 0.965]),
    slope=(4e-4, -2.5e-4),
    normalization=1.3,
)


def positions(camera, layout):
    return np.broadcast_arrays(*pixel_positions(camera, layout))


def test_slope_and_normalisation_are_taken_out_and_the_radial_part_stays():
    layout = layout_of(LSSTCOMCAM, 8)
    even = remove_gradient(flat_of(LSSTCOMCAM, 8, LIGHT, response=0.0), layout, LSSTCOMCAM, LIGHT)
    x, y = positions(LSSTCOMCAM, layout)
    np.testing.assert_allclose(even.image, LIGHT.radial(x, y), rtol=1e-6)


def test_with_a_reference_the_radial_part_is_that_of_the_reference():
    sky = replace(LIGHT, values=np.array([1.0, 1.0, 0.99, 0.98]), slope=(0.0, 0.0), normalization=1.0)
    layout = layout_of(LSSTCOMCAM, 0)
    flat = flat_of(LSSTCOMCAM, 0, LIGHT, response=0.0)
    even = remove_gradient(flat, layout, LSSTCOMCAM, LIGHT, reference=sky)
    x, y = positions(LSSTCOMCAM, layout)
    np.testing.assert_allclose(even.image, sky.radial(x, y), rtol=1e-6)


def test_the_response_of_the_makers_stays():
    """What is of the sensor and not of the screen belongs in the flat."""
    light = replace(LIGHT, itl_ratio=0.9)
    even = remove_gradient(
        flat_of(LSSTCOMCAM, 4, light, response=0.0), layout_of(LSSTCOMCAM, 4), LSSTCOMCAM, light
    )
    assert np.median(even.image) == pytest.approx(0.9, abs=0.002)


def test_the_variance_is_scaled_with_the_square():
    layout = layout_of(LSSTCOMCAM, 8)
    flat = flat_of(LSSTCOMCAM, 8, LIGHT, noise=1e-3)
    even = remove_gradient(flat, layout, LSSTCOMCAM, LIGHT)
    np.testing.assert_allclose(even.variance / flat.variance, (even.image / flat.image) ** 2, rtol=1e-5)
    assert even.variance.dtype == np.float32
    np.testing.assert_array_equal(even.mask, flat.mask)


def test_beyond_the_field_there_is_no_light():
    corner = LSSTCAM.detector_named("R10_S00").id
    layout = layout_of(LSSTCAM, corner)
    flat = flat_of(LSSTCAM, corner)
    limits = vignetting(LSSTCAM)
    assert limits == Vignetting(317.0, 350.0)
    settings = gradient_settings(LSSTCAM)
    light = FlatGradient(np.array(settings.nodes), np.ones(len(settings.nodes)))
    masked = remove_gradient(flat, layout, LSSTCAM, light, limits=limits)
    radius = np.hypot(*positions(LSSTCAM, layout))
    wholly, partly = radius > 350.0, (radius > 317.0) & (radius <= 350.0)
    assert 0 < wholly.sum() < wholly.size
    assert partly.any()
    none = np.uint16(MaskPlane.VIGNETTED | MaskPlane.NO_DATA)
    np.testing.assert_array_equal((masked.mask & none) == none, wholly)
    np.testing.assert_array_equal((masked.mask & np.uint16(MaskPlane.PARTLY_VIGNETTED)) != 0, partly)
    assert not masked.image[wholly].any()
    np.testing.assert_array_equal(masked.image[~wholly], flat.image[~wholly])
    assert vignetting(LSSTCOMCAM) is None


def test_bins_stand_where_their_pixels_do():
    layout = layout_of(LSSTCOMCAM, 5)
    table = binned_flat(flat_of(LSSTCOMCAM, 5, LIGHT, response=0.0), layout, LSSTCOMCAM)
    bins = bins_from_tables([table])
    assert bins.is_itl.all()
    assert set(bins.detector) == {5}
    x0, y0 = detector_centre(LSSTCOMCAM, 5)
    assert (bins.x.mean(), bins.y.mean()) == pytest.approx((x0, y0), abs=2.0)
    # A bin is a mean over a place where the light is all but straight.
    np.testing.assert_allclose(bins.value, 1.3 * LIGHT.model(bins.x, bins.y, bins.is_itl), rtol=1e-5)


def test_bins_keep_away_from_edges_and_defects():
    layout = layout_of(LSSTCOMCAM, 5)
    flat = flat_of(LSSTCOMCAM, 5, response=0.0)
    flat.image[:10], flat.image[:, -10:] = 0.5, 0.5
    flat.image[40:80, 50:90] = 3.0
    flat.mask[100:140, 20:60], flat.image[100:140, 20:60] = MaskPlane.BAD, 3.0
    table = binned_flat(flat, layout, LSSTCOMCAM, defects=(Box(50, 40, 40, 40),))
    finite = np.isfinite(table["value"])
    np.testing.assert_allclose(table["value"][finite], 1.0)
    assert 0 < np.count_nonzero(~finite) < 0.2 * len(table)


@pytest.mark.parametrize(("shape", "size"), [((4000, 4072), 128), ((192, 192), 14), ((30, 30), 1)])
def test_bins_of_small_frames_are_smaller(shape, size):
    assert bin_size(shape) == size


def test_no_flats_at_all_are_refused():
    with pytest.raises(CalprodError, match="no binned flats"):
        bins_from_tables([])


def fitted():
    tables = [
        binned_flat(flat_of(LSSTCOMCAM, n, LIGHT, sensor=n), layout_of(LSSTCOMCAM, n), LSSTCOMCAM)
        for n in range(9)
    ]
    bins = bins_from_tables(tables)
    return fit_gradient(bins, gradient_settings(LSSTCOMCAM)), bins


def test_the_table_is_as_ip_isr_reads_it():
    fit, bins = fitted()
    table = gradient_table(fit, bins, {"OBSTYPE": "flatGradient", "NOTHING": None})
    row = table[0]
    # lsst.ip.isr.FlatGradient.fromTable takes vectors, and the first element of all else.
    assert row["RADIAL_SPLINE_NODES"].shape == row["RADIAL_SPLINE_VALUES"].shape == (4,)
    for name in ("ITL_RATIO", "CENTROID_X", "CENTROID_DELTA_Y", "GRADIENT_X", "NORMALIZATION_FACTOR"):
        assert math.isfinite(float(row[name][0]))
    assert row["OUTER_GRADIENT_RADIUS"][0] == math.inf
    assert table.meta == {"OBSTYPE": "flatGradient"}
    again = gradient_from_table(table)
    for name in ("nodes", "values", "slope", "shift", "centre", "itl_ratio", "normalization"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fit.gradient, name))
    np.testing.assert_array_equal(row["DETECTORS"], np.arange(9))


def test_a_table_that_cannot_be_used_is_refused():
    with pytest.raises(CalprodError, match="lacks RADIAL_SPLINE_NODES"):
        gradient_from_table(Table({"ITL_RATIO": [[1.0]]}))
    fit, bins = fitted()
    table = gradient_table(fit, bins, {})
    table["OUTER_GRADIENT_X"] = [[1e-4]]
    with pytest.raises(CalprodError, match="outer slope"):
        gradient_from_table(table)


def test_the_figures_show_levels_residuals_and_profile():
    fit, bins = fitted()
    table = gradient_table(fit, bins, {})
    drawn = entry_of("flat").overview_figures(table)  # as the report draws them
    assert [one.title.split()[0] for one in drawn] == ["Levels", "Detectors", "Signal"]
    assert all(str(one.svg).startswith("<svg") for one in drawn)
    table.keep_columns([name for name in table.colnames if not name.startswith(("DETECTOR", "PROFILE"))])
    assert len(figures(table)) == 1  # a table of Rubin's


def coloured(value, exposures, begin, **cards):
    image = np.full((192, 192), value, np.float32)
    inputs = {f"CPP_INPUT_{i}": number for i, number in enumerate(exposures)}
    inputs |= {f"CPP_INPUT_SCALE_{i}": 1.0 * number for i, number in enumerate(exposures)}
    times = {"MJD-BEG": begin, "MJD-END": begin + 0.5, "DATE-BEG": f"2024-11-{begin:02.0f}"}
    return CalibrationImage(
        image,
        np.zeros(image.shape, np.uint16),
        np.full(image.shape, 0.04, np.float32),
        inputs | times | cards,
    )


def test_two_colours_become_one_flat():
    blue = coloured(0.9, (11, 12, 13), 20.0, FILTER="g_6", LED="blue")
    red = coloured(1.1, (21, 22), 19.0, FILTER="g_6", LED="red")
    blue.mask[3, 4], red.mask[5, 6] = MaskPlane.BAD, MaskPlane.VIGNETTED
    task = FlatColoursTask(config=FlatColoursTask.ConfigClass())
    merged = task.run(blue, red, "LSSTComCam", 4, datetime(2024, 11, 21, tzinfo=UTC)).calibration
    np.testing.assert_allclose(merged.image, 1.0, rtol=1e-6)
    np.testing.assert_allclose(merged.variance, 0.02, rtol=1e-6)
    assert (merged.mask[3, 4], merged.mask[5, 6], merged.mask[0, 0]) == (
        MaskPlane.BAD,
        MaskPlane.VIGNETTED,
        0,
    )
    assert [merged.metadata[f"CPP_INPUT_{i}"] for i in range(5)] == [11, 12, 13, 21, 22]
    assert [merged.metadata[f"CPP_INPUT_SCALE_{i}"] for i in range(5)] == [11.0, 12.0, 13.0, 21.0, 22.0]
    assert (merged.metadata["MJD-BEG"], merged.metadata["MJD-END"]) == (19.0, 20.5)
    assert merged.metadata["FILTER"] == "g_6"
    assert "LED" not in merged.metadata
    assert merged.metadata["LSST CALIB FLAT C10 DISTRIBUTION 50-PCT"] == pytest.approx(1.0)


def test_the_weight_of_a_colour_is_given():
    blue, red = coloured(0.8, (1,), 20.0), coloured(1.2, (2,), 20.0)
    np.testing.assert_allclose(merge_colours(blue, red, 0.75).image, 0.9, rtol=1e-6)
    with pytest.raises(CalprodError, match="weight"):
        merge_colours(blue, red, 1.5)
    small = CalibrationImage(red.image[:5], red.mask[:5], red.variance[:5])
    with pytest.raises(CalprodError, match="cannot be merged"):
        merge_colours(blue, small)
