"""What is out of date: a new version of what a calibration rests on, certified for the same time."""

import pytest
from astropy.table import Table
from lsst.daf.butler import CollectionType, DatasetType

from infra.butler.certification import certify
from infra.butler.serials import file_serial
from infra.butler.validity import Validity
from infra.settings import load_dependencies
from tasks.campaigns.staleness import out_of_date
from tests.release.conftest import INSTRUMENT

CHAIN = "LATISS/calib"
FIRST, SECOND = "20240318T120000Z", "20240501T120000Z"
MARCH, MAY = Validity.from_days(20240318), Validity.from_days(20240501)
GRAPH = load_dependencies("modern")


@pytest.fixture
def butler(home_butler):
    """Return a repository whose chain holds what the tests certify, and nothing else."""
    home_butler.collections.register(CHAIN, CollectionType.CHAINED)
    for name in ("ptc", "linearizer", "cti", "bfk", "crosstalk"):
        home_butler.registry.registerDatasetType(
            DatasetType(
                name,
                ("instrument", "detector"),
                "AstropyTable",
                universe=home_butler.dimensions,
                isCalibration=True,
            )
        )
    return home_butler


def make(butler, name, stamp, validity=MARCH, detectors=(0,), certified=True):
    run = f"{CHAIN}/DM-43525/test/{name}Gen.x/{stamp}"
    butler.collections.register(run, CollectionType.RUN)
    refs = [
        butler.put(Table({"x": [1]}), name, {"instrument": INSTRUMENT, "detector": number}, run=run)
        for number in detectors
    ]
    if certified:
        collection = f"{CHAIN}/DM-43525/test/{name}.{stamp}"
        certify(butler, collection, refs, validity, expected=None)
        butler.collections.prepend_chain(CHAIN, collection)
    return run


def found(butler):
    return [(one.calibration, one.source) for one in out_of_date(butler, CHAIN, GRAPH)]


def test_nothing_is_out_of_date_after_one_campaign(butler):
    for name in ("linearizer", "cti", "ptc", "bfk"):
        make(butler, name, FIRST)
    assert found(butler) == []


def test_a_new_ptc_asks_for_all_that_rest_on_its_gains(butler):
    for name in ("linearizer", "cti", "ptc", "bfk"):
        make(butler, name, FIRST)
    make(butler, "ptc", SECOND, MAY)
    assert found(butler) == [("linearizer", "ptc"), ("cti", "ptc"), ("bfk", "ptc")]
    first = out_of_date(butler, CHAIN, GRAPH)[0]
    assert first.validity == MAY
    assert "linearizer of detector 0" in str(first)
    assert "20240501" in str(first)


def test_a_candidate_changes_nothing_before_it_is_certified(butler):
    make(butler, "linearizer", FIRST)
    make(butler, "ptc", FIRST)
    make(butler, "ptc", SECOND, certified=False)
    assert found(butler) == []


def test_what_is_remade_with_it_is_up_to_date_again(butler):
    for stamp, validity in ((FIRST, MARCH), (SECOND, MAY)):
        make(butler, "linearizer", stamp, validity)
        make(butler, "ptc", stamp, validity)
    assert found(butler) == []


def test_only_the_detector_that_was_made_anew_is_meant(butler):
    make(butler, "linearizer", FIRST, detectors=(0, 1))
    make(butler, "ptc", FIRST, detectors=(0, 1))
    make(butler, "ptc", SECOND, MAY, detectors=(1,))
    assert [dict(one.data_id)["detector"] for one in out_of_date(butler, CHAIN, GRAPH)] == [1]


def test_a_source_for_another_time_puts_nothing_out_of_date(butler):
    make(butler, "linearizer", FIRST, MAY)
    make(butler, "ptc", FIRST, MAY)
    make(butler, "ptc", SECOND, Validity.from_days(20240101, 20240131))
    assert found(butler) == []


def test_an_old_source_certified_later_puts_nothing_out_of_date(butler):
    make(butler, "linearizer", SECOND)
    make(butler, "crosstalk", FIRST)
    assert found(butler) == []


def test_a_table_tells_the_serial_number_of_its_detector(tmp_path):
    path = tmp_path / "ptc.ecsv"
    Table({"GAIN": [1.1]}, meta={"DET_SER": "ITL-3800C-068", "OBSTYPE": "PTC"}).write(path)
    assert file_serial(path) == "ITL-3800C-068"
    Table({"GAIN": [1.1]}).write(path, overwrite=True)
    assert file_serial(path) is None
    path.write_text("# %ECSV 1.0\n# ---\n# meta: [broken\nGAIN\n1\n")
    assert file_serial(path) is None
