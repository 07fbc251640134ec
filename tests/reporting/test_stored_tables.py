"""Tables of a real repository: drawn when the report asks, each read once, with what reading them tells."""

import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType

from infra.butler.contents import table_digest
from infra.butler.repository import create_repository, open_butler
from infra.errors import RepositoryError
from tasks.campaigns.on_demand import StoredTables
from tasks.catalogue import CATALOGUE, entry_of
from tasks.reporting.plots import Axis, Figure, Series, scatter_plot
from tests.release.conftest import register_camera

RUN = "LATISS/calib/DM-1/ptcGen/20240327T163518Z"
DETECTORS = tuple(range(5))


def table(detector: int) -> Table:
    made = Table({"AMPLIFIER_NAME": ["C00", "C01"], "GAIN": [1.0 + detector, 2.0]})
    made.meta |= {"DETECTOR": detector, "LSST CALIB UUID LINEARIZER": f"a-linearizer-{detector}"}
    return made


def draw(stored: Table) -> tuple[Figure, ...]:
    gains = stored["GAIN"]
    return (
        scatter_plot(f"Gains of {stored.meta['DETECTOR']}", [Series([0, 1], gains)], Axis("n"), Axis("gain")),
    )


@pytest.fixture(scope="module")
def butler(tmp_path_factory):
    root = tmp_path_factory.mktemp("tables") / "repo"
    create_repository(root)
    with open_butler(root, writeable=True) as writer:
        register_camera(writer, detectors=DETECTORS)
        dimensions = ("instrument", "detector")
        kind = DatasetType("ptc", dimensions, "AstropyTable", universe=writer.dimensions, isCalibration=True)
        writer.registry.registerDatasetType(kind)
        writer.registry.registerRun(RUN)
        for detector in DETECTORS:
            writer.put(table(detector), kind, run=RUN, instrument="LATISS", detector=detector)
    with open_butler(root) as reader:
        yield reader


def tables(butler: Butler) -> StoredTables:
    return StoredTables(butler, butler.query_datasets("ptc", collections=[RUN], find_first=False), draw)


def test_a_table_is_read_when_its_figures_are_asked_for(butler: Butler) -> None:
    stored = tables(butler)
    assert set(stored.figures) == set(DETECTORS)
    assert {entry.image_digest for entry in stored.datasets} == {""}
    (figure,) = stored.figures[3]
    assert figure.title == "Gains of 3"
    digests = {entry.detector: entry.image_digest for entry in stored.datasets}
    assert digests == {**dict.fromkeys(DETECTORS, ""), 3: table_digest(table(3))}
    assert stored.priors == {"linearizer, detector 3": "a-linearizer-3"}


def test_a_damaged_table_is_named(butler: Butler) -> None:
    stored = tables(butler)
    (ref,) = butler.query_datasets("ptc", collections=[RUN], instrument="LATISS", detector=4)
    path = butler.getURI(ref).ospath
    with open(path, "w") as damaged:
        damaged.write("no table")
    with pytest.raises(RepositoryError, match=str(ref.id)):
        stored.figures[4]


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_calibration_of_the_catalogue_can_be_drawn(entry) -> None:
    assert entry.label
    if entry.is_image:
        assert entry.figures(None) == ()
    else:
        # The room is there, and refuses what is no table of its own.
        with pytest.raises(Exception, match=r".+"):
            entry.figures(Table({"nothing": [1.0]}))


def test_a_calibration_of_another_pipeline_is_an_image_by_its_name() -> None:
    entry = entry_of("transmission_curve")
    assert (entry.label, entry.is_image, entry.room) == ("transmission_curve", True, "")


@pytest.mark.parametrize(
    "key",
    [
        "CALIBDATE",
        "CALIB_ID",
        "CALIB_CREATION_DATETIME",
        "CALIB_CREATION_DATE",
        "CALIB_CREATION_TIME",
        "LSST CALIB RUN LINEARIZER",
        "LSST CALIB UUID LINEARIZER",
        "LSST CALIB DATE LINEARIZER",
        "PTC_RUN",
        "PTC_UUID",
        "PTC_DATE",
    ],
)
def test_the_digest_leaves_out_when_it_was_made_and_by_which_dataset(key: str) -> None:
    again = table(3)
    again.meta[key] = "another"
    assert table_digest(again) == table_digest(table(3))


@pytest.mark.parametrize(
    "key", ["CPP_INPUT_0", "CPP_INPUT_DATE_0", "DATE-OBS", "PTC_VERSION", "EXPOSURE_TIME"]
)
def test_the_digest_tells_every_other_card(key: str) -> None:
    other = table(3)
    other.meta[key] = "another"
    assert table_digest(other) != table_digest(table(3))


def test_the_digest_tells_values_and_units() -> None:
    values, units = table(3), table(3)
    values["GAIN"][0] += 1e-12
    units["GAIN"].unit = "electron"
    assert len({table_digest(one) for one in (table(3), values, units)}) == 3
