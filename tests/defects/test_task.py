"""The search as a task, in a real repository with bootstrap products put into it."""

import shutil

import numpy as np
import pytest
from astropy.table import Table

from infra.butler.repository import open_butler
from infra.errors import CalprodError
from tasks.combine.metadata import fits_date
from tasks.defects.algorithm import DefectReason, defects_from_table
from tasks.defects.steps.model import from_defects
from tests.defects import repository as r


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("defects") / "repo"
    r.make_repository(root)
    return root


@pytest.fixture
def butler(template, tmp_path):
    root = shutil.copytree(template, tmp_path / "repo")
    with open_butler(root, writeable=True) as one:
        yield one


def put_all(butler, unit="adu", names=("biasBootstrap", "darkBootstrap", "flatBootstrap")):
    r.put(butler, names[0], r.bias(unit))
    r.put(butler, names[1], r.dark(unit))
    # The other filter has fewer exposures, and a pixel that only it calls cold.
    other = r.flat(unit, n=3)
    other.image[5:9, 300] = 0.1
    r.put(butler, names[2], other, physical_filter=r.OTHER_FILTER)
    r.put(butler, names[2], r.flat(unit), physical_filter=r.FILTER)


def reasons_of(table):
    return from_defects(defects_from_table(table), r.SHAPE)


def expected():
    """Reasons of every pixel, edges left out."""
    found = np.zeros(r.SHAPE, np.uint16)
    for y, x in r.HOT:
        found[y, x] = DefectReason.HOT
    for y, x in r.COLD:
        found[y, x] = DefectReason.COLD
    x, y0, y1 = r.COLUMN
    found[y0 : y1 - 1, x] = DefectReason.COLUMN | DefectReason.COLD
    x, y0, y1 = r.SATURATED
    # Thirty saturated pixels, at least 20, cost the whole column of the amplifier, which has 200 rows...
    found[:200, x] = DefectReason.COLUMN | DefectReason.SATURATED | DefectReason.HOT
    # ...and each two neighbours on either side.
    found[y0:y1, [x - 2, x - 1, x + 1, x + 2]] = DefectReason.SATURATED
    return found


def test_defects_of_bootstrap_products_have_their_reasons(butler):
    put_all(butler)
    table = r.search(butler)
    assert table.colnames == ["x0", "y0", "width", "height", "reason"]
    found, truth = reasons_of(table), expected()
    inner = (slice(5, -5), slice(5, -5))
    # The rectangles of a column bear every reason found in it.
    np.testing.assert_array_equal(found[inner] != 0, truth[inner] != 0)
    np.testing.assert_array_equal(found[inner], truth[inner])
    edge = np.ones(r.SHAPE, bool)
    edge[inner] = False
    np.testing.assert_array_equal(found & DefectReason.EDGE != 0, edge)


def test_the_header_says_of_what_the_table_is_and_from_what_it_was_made(butler):
    put_all(butler)
    meta = r.search(butler).meta
    assert (meta["OBSTYPE"], meta["CALIBCLS"]) == ("defects", "lsst.ip.isr.defects.Defects")
    assert (meta["INSTRUME"], meta["DETECTOR"], meta["DET_NAME"], meta["DET_SER"]) == (
        "LATISS",
        0,
        "RXX_S00",
        "ITL-3800C-068",
    )
    assert (meta["FILTER"], meta["SEQNAME"]) == ("NONE", "FP_ITL_2s_ir2_v25.seq")
    assert meta["CALIB_ID"].startswith("instrument=LATISS raftName=RXX detectorName=S00 detector=0")
    # 10 of the bias, 6 of the dark, 8 of the flat that was searched.
    exposures = [meta[f"CPP_INPUT_{i}"] for i in range(24)]
    assert exposures == [2024031800000 + i for i in (*range(10), *range(20, 26), *range(40, 48))]
    assert "CPP_INPUT_24" not in meta
    assert (meta["MJD-BEG"], meta["DATE-BEG"]) == (60387.0, fits_date(60387.0))
    assert meta["MJD-END"] == 60387.0 + 47 / 1440
    for name in ("biasBootstrap", "darkBootstrap", "flatBootstrap"):
        filters = {"physical_filter": r.FILTER} if name == "flatBootstrap" else {}
        ref = butler.find_dataset(name, instrument="LATISS", detector=0, collections=r.RUN, **filters)
        assert meta[f"LSST CALIB UUID {name.upper()}"] == str(ref.id)
        assert meta[f"LSST CALIB RUN {name.upper()}"] == r.RUN
        assert meta[f"LSST CALIB DATE {name.upper()}"] == "2024-04-05T06:07:08"
    assert meta["LSST CALIB DEFECTS N_BAD_COLUMNS"] == 1
    hot = {key: value for key, value in meta.items() if key.endswith("N_HOT") and value}
    assert sum(hot.values()) == 2 + 30  # the saturated pixels stand above the others of the bias, too
    cold = sum(value for key, value in meta.items() if key.endswith("N_COLD"))
    assert cold == 2 + 50


def test_images_in_electron_give_the_same_defects_where_there_is_no_bootstrap(butler):
    for name in ("bias", "dark", "flat"):
        r._register(butler, name, "MaskedImageV2", per_filter=name == "flat")
    put_all(butler, "electron", ("bias", "dark", "flat"))
    names = {f"connections.{kind}": kind for kind in ("bias", "dark", "flat")}
    found = reasons_of(r.search(butler, **names))
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_array_equal(found[inner], expected()[inner])


def test_thresholds_edges_and_the_form_of_the_table_are_configuration(butler):
    put_all(butler)
    changes = {"dark.dark_value": "30.0", "flat.flat_value": "0.4", "edge_columns": "0", "edge_rows": "1"}
    table = r.search(butler, form="regions", **changes)
    assert table.colnames == ["X", "Y", "SHAPE", "R", "ROTANG", "COMPONENT", "REASON"]
    found = reasons_of(table)
    assert not any(found[place] for place in (*r.HOT, *r.COLD))
    assert found[100, r.COLUMN[0]] == DefectReason.COLUMN | DefectReason.COLD
    assert (found[0, :] & DefectReason.EDGE != 0).all()
    assert not (found[1:-1] & DefectReason.EDGE).any()


def test_boxes_that_people_gave_are_added(butler):
    put_all(butler)
    manual = Table({"x0": [400], "y0": [100], "width": [7], "height": [3]})
    butler.put(manual, "manual_defects", instrument="LATISS", detector=0, run=r.RUN)
    table = r.search(butler)
    found = reasons_of(table)
    assert (found[100:103, 400:407] == DefectReason.MANUAL).all()
    assert np.count_nonzero(found & DefectReason.MANUAL) == 21
    assert "LSST CALIB UUID MANUAL_DEFECTS" in table.meta


@pytest.mark.parametrize("missing", ["biasBootstrap", "darkBootstrap", "flatBootstrap"])
def test_a_missing_image_is_named(butler, missing):
    for name, image in {"biasBootstrap": r.bias, "darkBootstrap": r.dark, "flatBootstrap": r.flat}.items():
        if name != missing:
            filters = {"physical_filter": r.FILTER} if name == "flatBootstrap" else {}
            r.put(butler, name, image(), **filters)
    with pytest.raises(CalprodError, match=f"has no {missing} — make it first"):
        r.search(butler)


def test_a_detector_without_any_image_is_left_alone(butler):
    # A camera has others; that a campaign's own calibrations are there is checked before.
    with pytest.raises(ValueError, match="expected 1, got 0"):
        r.search(butler)
