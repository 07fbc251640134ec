"""What stops a delivery before it does harm: damage, other cameras, other datasets."""

import pytest
from lsst.daf.butler import CollectionType, DatasetRef, DatasetType, FileDataset

from infra.butler.certification import certify
from infra.butler.chains import children, prepend
from infra.butler.delivery import DeliverySettings, deliver
from infra.butler.fingerprint import compare_sites
from infra.butler.validity import Validity
from infra.errors import ProfileError, ReleaseError
from infra.storage import Permissions
from tests.release.conftest import (
    DEFAULT_CHAIN,
    INSTRUMENT,
    NAME,
    SETTINGS,
    TAG,
    TICKET_CHAIN,
    Repository,
    prints,
    put_calibrations,
    register_camera,
    register_types,
)


def test_an_unknown_group_and_a_mode_nobody_can_read_are_refused(bundle, site):
    settings = DeliverySettings(DEFAULT_CHAIN, permissions=Permissions(group="no-such-group"))
    with site.open() as butler, pytest.raises(ReleaseError, match="no-such-group"):
        deliver(bundle, butler, settings)
    for mode in ("0o640x", "888", "0040"):
        with pytest.raises(ProfileError, match="file_mode"):
            Permissions.parse(mode)


def test_a_damaged_bundle_is_refused_before_anything_is_written(bundle, tmp_path, site):
    file = bundle.manifest.datasets[2]
    (tmp_path / "exports" / NAME / file.path).write_bytes(b"damaged")
    with site.open() as butler:
        with pytest.raises(ReleaseError, match="has 7 bytes"):
            deliver(bundle, butler, SETTINGS)
        assert children(butler, DEFAULT_CHAIN) is None
    assert not list(site.root.rglob("*.fits"))


def test_a_camera_that_the_site_does_not_know_is_created_only_when_asked(bundle, released, bare, tmp_path):
    with bare.open() as butler:
        with pytest.raises(ReleaseError, match="no instrument LATISS"):
            deliver(bundle, butler, SETTINGS)
        report = deliver(bundle, butler, DeliverySettings(DEFAULT_CHAIN, may_create_instrument=True))
        assert report.instrument_created
        assert not deliver(bundle, butler, DeliverySettings(DEFAULT_CHAIN)).instrument_created
    bare.root.rename(tmp_path / "site")
    assert compare_sites(*prints(released, Repository(tmp_path / "site"), permissions=Permissions())) == ()


@pytest.mark.parametrize(
    ("detectors", "filters", "message"),
    [
        ((0,), {"SDSSg_65mm~empty": "g", "SDSSr_65mm~empty": "r"}, "no LATISS detector 1"),
        ((0, 1), {"SDSSg_65mm~empty": "g"}, "no LATISS filter SDSSr"),
        ((0, 1), {"SDSSg_65mm~empty": "g", "SDSSr_65mm~empty": "i"}, "band 'r'"),
    ],
)
def test_a_site_with_another_camera_is_refused(bundle, bare, detectors, filters, message):
    with bare.open() as butler:
        register_camera(butler, detectors, filters)
        with pytest.raises(ReleaseError, match=message):
            deliver(bundle, butler, DeliverySettings(DEFAULT_CHAIN, may_create_instrument=True))


def test_a_site_whose_detector_has_another_name_is_refused(bundle, bare):
    with bare.open() as butler:
        register_camera(butler, (0,))
        record = {"instrument": INSTRUMENT, "id": 1, "full_name": "R22_S11", "purpose": "SCIENCE"}
        butler.registry.syncDimensionData("detector", record)
        with pytest.raises(ReleaseError, match="full_name 'RXX_S01' in the bundle and 'R22_S11'"):
            deliver(bundle, butler, SETTINGS)


def test_a_site_whose_ccd_has_another_serial_number_is_refused(bundle, site):
    """The Butler's records hold no serial; the site's camera model or its present calibrations tell it."""
    with site.open() as butler:
        told = DeliverySettings(DEFAULT_CHAIN, serials={1: "ITL-9999"})
        with pytest.raises(ReleaseError, match="serial number 'ITL-3800C-001' in the bundle and 'ITL-9999'"):
            deliver(bundle, butler, told)
        register_types(butler)
        refs = put_calibrations(butler, "bias", "LATISS/calib/old/run", seed=7, serials={0: "ITL-1234"})
        certify(butler, "LATISS/calib/old/bias", refs, Validity.from_days(20230101), expected=None)
        prepend(butler, DEFAULT_CHAIN, "LATISS/calib/old/bias")
        with pytest.raises(ReleaseError, match="'ITL-1234' at the destination"):
            deliver(bundle, butler, SETTINGS)
        accepted = DeliverySettings(DEFAULT_CHAIN, accept_new_serials=True)
        assert deliver(bundle, butler, accepted).default_chain.after == (
            TICKET_CHAIN,
            "LATISS/calib/old/bias",
        )


def test_a_type_that_the_site_defines_otherwise_is_refused(bundle, site):
    with site.open() as butler:
        dimensions = butler.dimensions.conform(("instrument", "detector"))
        kind = DatasetType("bias", dimensions, "StructuredDataDict", isCalibration=True)
        butler.registry.registerDatasetType(kind)
        with pytest.raises(ReleaseError, match="defines dataset type 'bias' otherwise"):
            deliver(bundle, butler, SETTINGS)


def test_another_dataset_in_the_place_of_one_stops_the_delivery(bundle, site):
    with site.open() as butler:
        register_types(butler)
        put_calibrations(butler, "bias", bundle.manifest.datasets[0].run, seed=7)
        with pytest.raises(ReleaseError, match="the destination has dataset"):
            deliver(bundle, butler, SETTINGS)
        assert children(butler, DEFAULT_CHAIN) is None


def test_one_of_the_datasets_under_another_run_stops_the_delivery(bundle, site):
    entry = bundle.manifest.datasets[0]
    with site.open() as butler, bundle.local(entry) as path:
        register_types(butler)
        butler.collections.register("elsewhere", CollectionType.RUN)
        ref = DatasetRef(
            butler.get_dataset_type(entry.dataset_type),
            butler.registry.expandDataId(entry.data_id),
            run="elsewhere",
            id=entry.uuid,
        )
        butler.ingest(FileDataset(str(path), [ref], formatter=entry.formatter), transfer="copy")
        with pytest.raises(ReleaseError, match="forged or was imported wrongly"):
            deliver(bundle, butler, SETTINGS)


def test_a_certification_that_is_not_in_the_release_stops_it_before_the_chains(bundle, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        extra = put_calibrations(butler, "bias", "LATISS/calib/old/run", seed=7)
        collection = f"{TAG}/bias.20240405a"
        certify(butler, collection, extra, Validity.from_days(20230101, 20230131), expected=None)
        with pytest.raises(ReleaseError, match="holds what the release does not"):
            deliver(bundle, butler, SETTINGS)


def test_a_formatter_that_is_not_installed_is_named(described, site):
    manifest = described.manifest.model_copy(
        update={
            "datasets": tuple(
                entry.model_copy(update={"formatter": "lsst.nowhere.Formatter"})
                for entry in described.manifest.datasets
            )
        }
    )

    class Relabelled(type(described)):
        manifest = property(lambda self: manifest)

    relabelled = Relabelled(described.address, manifest, described._sources)
    with site.open() as butler, pytest.raises(ReleaseError, match=r"lsst\.nowhere\.Formatter"):
        deliver(relabelled, butler, SETTINGS)
