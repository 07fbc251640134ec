"""Sky frames of one detector and of nine, against the structure that was put in."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.smooth_sky import SkySettings
from tasks.combine.surface import SurfaceSettings
from tasks.sky.algorithm import MESH_CARD, SkyGrids, combine_skies, measure_grid, merge_skies
from tasks.sky.grids.cells import grids_from_table, grids_table
from tasks.sky.grids.focal_plane import scales_from_table, scales_table
from tests.sky.skies import MESH, READ_NOISE, STRUCTURE, Sky, cells_of, structure

CREATED = datetime(2024, 4, 5, tzinfo=UTC)
SETTINGS = SkySettings(SurfaceSettings(order=4), grow=6, passes=3)


def grids(instrument: str, detector: int, skies: list[Sky]) -> SkyGrids:
    """Return the skies of a detector, by way of the table they are stored as."""
    cells = cells_of(instrument, detector)
    found = [measure_grid(sky.exposure(cells), cells, sky.described, SETTINGS) for sky in skies]
    return grids_from_table(grids_table(cells, found))


def true_cells(instrument: str, detector: int) -> np.ndarray:
    """Return the structure averaged over the cells."""
    cells = cells_of(instrument, detector)
    rows, columns = (edges[:-1] for edges in cells.edges)
    image = structure(detector, cells.shape)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0), columns, axis=1)
    sizes = [np.diff(edges) for edges in cells.edges]
    return sums / np.outer(*sizes)


def in_cells(frame, instrument: str, detector: int) -> np.ndarray:
    """Return a frame at the middles of its cells, where its spline goes through them."""
    y, x = ((edges[:-1] + edges[1:]) // 2 for edges in cells_of(instrument, detector).edges)
    below = frame.image[np.ix_(y - 1, x - 1)] + frame.image[np.ix_(y, x)]
    return 0.25 * (below + frame.image[np.ix_(y - 1, x)] + frame.image[np.ix_(y, x - 1)])


@pytest.fixture(scope="module")
def latiss():
    """Return the skies of LATISS, in which dithered gradients average out, and their frame."""
    slopes = [(0.02, 0.0), (-0.02, 0.0), (0.0, 0.02), (0.0, -0.02)]
    skies = [Sky(i, 2000.0 + 400.0 * i, slopes[i % 4]) for i in range(8)]
    one = grids("LATISS", 0, skies)
    scales = scales_from_table(scales_table(merge_skies([one])))
    return skies, one, scales, combine_skies(one, scales, CREATED)


def test_one_detector_has_one_scale_an_exposure(latiss):
    """The level within five errors of a mean over its cells, of which half the gradient is no part."""
    skies, _, scales, _ = latiss
    assert scales.x.size == scales.y.size == 1
    for sky in skies:
        error = np.sqrt((sky.level + READ_NOISE**2) / (240 * 160))
        found = scales.skies[sky.described.exposure].scale
        # Faint wings of stars add up to two in a thousand; the median over cells is that of a field of 1 %.
        assert found == pytest.approx(sky.level, abs=5 * error + 0.004 * sky.level)


def test_the_frame_of_one_detector_is_its_structure(latiss):
    """Deviations from the truth, in cells: the noise of 8 means of 400 pixels, and what gradients leave.

    The noise of a cell is sqrt(sum (L + 64) / L^2 / 400) / 8 = 3.5e-4. Gradients of 2 % over 100 mm cancel
    but for differences of the levels, to about 1e-4 at the rim.
    """
    skies, _, _, frame = latiss
    levels = np.array([sky.level for sky in skies])
    noise = np.sqrt(np.sum((levels + READ_NOISE**2) / levels**2) / MESH**2) / len(skies)
    found, truth = in_cells(frame, "LATISS", 0), true_cells("LATISS", 0)
    deviation = found - truth - (found - truth).mean()
    assert deviation.std() < 1.5 * noise
    assert np.abs((found - truth).mean()) < 0.1 * STRUCTURE
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.99


def test_the_header_of_a_frame_says_how_it_came_about(latiss):
    skies, _, scales, frame = latiss
    cards = frame.metadata
    assert (cards["OBSTYPE"], cards["EXPTIME"], cards["BUNIT"], cards[MESH_CARD]) == ("SKY", 1.0, "", MESH)
    assert cards["SEQNAME"] == "a"
    assert "OBSID" not in cards
    for i, sky in enumerate(skies):
        exposure = sky.described.exposure
        assert cards[f"CPP_INPUT_{i}"] == exposure
        assert cards[f"CPP_INPUT_SCALE_{i}"] == scales.skies[exposure].scale
    assert cards["CALIB_CREATION_DATETIME"] == "2024-04-05T00:00:00"
    assert "LSST CALIB SKY C10 BADPIX-NUM" in cards


@pytest.fixture(scope="module")
def comcam():
    """Return the skies of the nine detectors of LSSTComCam: one exposure with a steep gradient."""
    skies = [Sky(i, 2500.0 + 500.0 * i, (0.2, -0.1), n_stars=2) for i in range(3)]
    detectors = [grids("LSSTComCam", number, skies) for number in range(9)]
    return skies, detectors, merge_skies(detectors)


def test_a_gradient_over_nine_detectors_is_of_the_sky(comcam):
    """A plane is taken up whole, so the frames are the structure of each detector alone.

    What the smooth sky takes of the structure itself is taken from the truth, too: the fit of the same
    corners to it. Then three exposures leave the noise of their cells.
    """
    skies, detectors, scales = comcam
    assert scales.x.size > 2
    levels = np.array([sky.level for sky in skies])
    noise = np.sqrt(np.sum((levels + READ_NOISE**2) / levels**2) / MESH**2) / len(skies)
    truths = _without_smooth(scales, detectors, [true_cells("LSSTComCam", number) for number in range(9)])
    for one, truth in zip(detectors, truths, strict=True):
        frame = combine_skies(one, scales, CREATED)
        found = in_cells(frame, "LSSTComCam", one.cells.detector)
        assert (found - truth).std() < 1.7 * noise
        assert truth.std() > 10 * noise


def test_the_smooth_sky_is_that_of_the_focal_plane(comcam):
    """Its scale is the level in the middle, to 1 %: structure and stars move it by less."""
    skies, detectors, scales = comcam
    for sky in skies:
        exposure = sky.described.exposure
        assert scales.skies[exposure].scale == pytest.approx(sky.level, rel=0.01)
        corner = detectors[0].cells
        model = scales.model(exposure, corner)
        x, y = np.meshgrid(corner.x, corner.y)
        np.testing.assert_allclose(model, sky.level * (1 + 0.2 * x / 100 - 0.1 * y / 100), rtol=0.02)


def _without_smooth(scales, detectors, cells):
    """Return structures less what bilinear super-pixels take up of them."""
    hats = []
    for one in detectors:
        along = []
        for places, corners in ((one.cells.y, scales.y), (one.cells.x, scales.x)):
            identity = np.eye(corners.size)
            along.append(np.stack([np.interp(places, corners, row) for row in identity], axis=1))
        hats.append(np.kron(*along))
    values = np.concatenate([cell.ravel() for cell in cells])
    taken = np.concatenate(hats) @ np.linalg.lstsq(np.concatenate(hats), values, rcond=None)[0]
    parts = np.split(values - taken, np.cumsum([cell.size for cell in cells])[:-1])
    return [part.reshape(cell.shape) for part, cell in zip(parts, cells, strict=True)]


def test_a_cell_without_sky_in_one_exposure_is_filled_by_the_others_and_bad_without():
    cells = cells_of("LATISS", 0)
    found = []
    for i in range(3):
        exposure = Sky(i, n_stars=0).exposure(cells)
        exposure.mask[:20, :20] |= np.uint16(MaskPlane.SAT)
        if i == 0:
            exposure.mask[40:60, 60:80] |= np.uint16(MaskPlane.BAD)
        found.append(measure_grid(exposure, cells, Sky(i).described, SETTINGS))
    one = grids_from_table(grids_table(cells, found))
    frame = combine_skies(one, merge_skies([one]), CREATED)
    assert (frame.mask[:20, :20] == MaskPlane.BAD).all()
    assert not frame.mask[40:60, 60:80].any()
    assert np.isfinite(frame.image).all()


def test_skies_that_say_nothing_are_refused_by_name():
    cells = cells_of("LATISS", 0)
    exposure = Sky(3, n_stars=0).exposure(cells)
    exposure.mask[...] = np.uint16(MaskPlane.SAT)
    with pytest.raises(CalprodError, match="exposure 2024032600003: 0 usable blocks"):
        measure_grid(exposure, cells, Sky(3).described, SETTINGS)
    dark = Sky(4, n_stars=0).exposure(cells)
    dark.image[...] -= 3100.0
    one = SkyGrids(cells, (measure_grid(dark, cells, Sky(4).described, SETTINGS),), {})
    with pytest.raises(CalprodError, match="sky of exposure 2024032600004 has a level of -"):
        merge_skies([one])
    with pytest.raises(CalprodError, match="no skies"):
        merge_skies([])
    exposure = Sky(1, n_stars=0).exposure(cells)
    with pytest.raises(CalprodError, match=r"in adu for cells of \(160, 240\)"):
        measure_grid(replace(exposure, unit="adu"), cells, Sky(1).described, SETTINGS)


def test_a_table_of_something_else_is_refused(latiss):
    table = grids_table(latiss[1].cells, latiss[1].grids)
    table.remove_column("error")
    with pytest.raises(CalprodError, match="error"):
        grids_from_table(table)
