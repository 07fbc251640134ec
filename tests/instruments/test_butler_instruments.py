"""The Butler registers the three cameras from their class names alone."""

import pytest
from lsst.pipe.base import Instrument

from infra.butler.repository import create_repository, open_butler
from infra.errors import UsageError
from infra.instruments import CAMERAS, camera
from infra.instruments.class_names import instrument_class_name


@pytest.mark.parametrize("name", list(CAMERAS))
def test_class_names_fit_the_butlers_column_and_can_be_imported(name):
    class_name = instrument_class_name(name)
    assert len(class_name) <= 64
    instrument = Instrument.from_string(class_name)
    assert instrument.getName() == name
    assert instrument.makeDefaultRawIngestRunName() == f"{name}/raw/all"
    assert instrument.getRawFormatter({}).__name__ == "RawFormatter"


def test_an_unknown_instrument_has_no_class():
    with pytest.raises(UsageError, match="LATISS, LSSTComCam, LSSTCam"):
        instrument_class_name("HSC")


def test_registration_is_complete_and_can_be_repeated(tmp_path):
    create_repository(tmp_path / "repo")
    with open_butler(tmp_path / "repo", writeable=True) as butler:
        for _ in range(2):
            for name in CAMERAS:
                Instrument.from_string(instrument_class_name(name)).register(butler.registry)
        for name in CAMERAS:
            detectors = butler.query_dimension_records("detector", instrument=name)
            assert {record.full_name: record.id for record in detectors} == {
                model.full_name: model.id for model in camera(name).detectors
            }
            assert {record.purpose for record in detectors} == {"SCIENCE"}
            filters = butler.query_dimension_records("physical_filter", instrument=name, limit=None)
            assert {(record.name, record.band) for record in filters} == {
                (item.name, item.band) for item in camera(name).filters
            }
        raw = butler.get_dataset_type("raw")
        assert raw.storageClass_name == "ImageV2"
        assert set(raw.dimensions.required) == {"instrument", "exposure", "detector"}
        assert set(Instrument.importAll(butler.registry)) == set(CAMERAS)
        assert Instrument.fromName("LATISS", butler.registry).getName() == "LATISS"
