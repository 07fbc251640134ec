import grp
import os
import stat
from pathlib import Path

import pytest
from lsst.daf.butler import CollectionType, DatasetRef, FileDataset

from infra.butler.certification import certify
from infra.butler.chains import children, prepend
from infra.butler.delivery import DeliverySettings, deliver
from infra.butler.fingerprint import compare_sites
from infra.butler.ranges import associations
from infra.butler.validity import Validity
from infra.errors import ReleaseError
from infra.storage import ChecksumCache, Permissions, open_bundle, publish
from tests.release.conftest import (
    BUCKET,
    DEFAULT_CHAIN,
    INSTRUMENT,
    NAME,
    SETTINGS,
    TAG,
    TICKET_CHAIN,
    Repository,
    prints,
    put_calibrations,
    register_types,
)


def assert_same(home: Repository, site: Repository) -> None:
    assert compare_sites(*prints(home, site)) == ()


def path_of(butler, dataset_type="bias", detector=0) -> Path:
    run = f"{TAG}/{dataset_type}Gen.20240326a/20240327T163518Z"
    ref = butler.find_dataset(dataset_type, instrument=INSTRUMENT, detector=detector, collections=run)
    return Path(butler.getURI(ref).ospath)


def test_a_delivered_site_answers_as_the_home_does(bundle, released, site):
    with site.open() as butler:
        report = deliver(bundle, butler, SETTINGS)
        found = butler.find_dataset(
            "flat",
            instrument=INSTRUMENT,
            detector=1,
            physical_filter="SDSSr_65mm~empty",
            collections=DEFAULT_CHAIN,
            timespan=Validity.from_days(20240401, 20240401).timespan(),
        )
        assert butler.get(found).image.array.shape == (8, 12)
    assert (report.ingested, report.restored, report.unchanged) == (8, 0, 0)
    assert (report.certified, report.chained) == (8, 2)
    assert report.default_chain.after == (TICKET_CHAIN,)
    assert_same(released, site)


def test_a_second_delivery_does_nothing(bundle, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        before = {path: path.stat() for path in site.root.rglob("*.fits")}
        report = deliver(bundle, butler, SETTINGS)
        assert not report.changed
        assert report.unchanged == 8
        assert {path: path.stat() for path in before} == before


def test_delivery_from_object_storage(described, bucket, released, site):
    publish(described, f"s3://{BUCKET}/exports")
    with site.open() as butler:
        stored = open_bundle(f"s3://{BUCKET}/exports/{NAME}")
        assert deliver(stored, butler, SETTINGS).ingested == 8
        assert not deliver(stored, butler, SETTINGS).changed
    assert_same(released, site)


def test_a_missing_file_is_restored(bundle, released, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        path_of(butler, "dark").unlink()
        report = deliver(bundle, butler, SETTINGS)
    assert (report.ingested, report.restored, report.certified, report.chained) == (0, 1, 0, 0)
    assert_same(released, site)


def test_a_flipped_byte_is_found_and_restored(bundle, released, site):
    """The Butler checks sizes only; a byte that flips at rest is found by our own checksum."""
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        path = path_of(butler)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x01
        path.write_bytes(content)
        report = deliver(bundle, butler, SETTINGS)
    assert report.restored == 1
    assert_same(released, site)


def test_a_dataset_that_was_unstored_is_ingested_again(bundle, released, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        refs = [found for found, _ in associations(butler, f"{TAG}/bias.20240405a")]
        butler.pruneDatasets(refs[:1], unstore=True, disassociate=False)
        report = deliver(bundle, butler, SETTINGS)
    assert (report.ingested, report.certified) == (1, 0)
    assert_same(released, site)


def test_an_orphan_of_a_killed_delivery_is_not_trusted(bundle, released, site):
    """A half-written file under the final name, of which the Butler knows nothing, is replaced."""
    file = bundle.manifest.datasets[0]
    orphan = site.root / file.path
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"half")
    with site.open() as butler:
        assert deliver(bundle, butler, SETTINGS).ingested == 8
    assert_same(released, site)


def test_permissions_are_given_repaired_and_counted(bundle, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        path = path_of(butler)
        modes = [stat.S_IMODE(entry.stat().st_mode) for entry in (path, path.parent)]
        assert modes == [0o640, 0o750]
        path.chmod(0o600)
        path.parent.chmod(0o700)
        report = deliver(bundle, butler, SETTINGS)
        assert (report.modes_fixed, report.restored) == (2, 0)
        modes = [stat.S_IMODE(entry.stat().st_mode) for entry in (path, path.parent)]
        assert modes == [0o640, 0o750]


def test_the_roots_own_permissions_are_left_alone(bundle, site):
    site.root.chmod(0o755)
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
    assert stat.S_IMODE(site.root.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to any group")
def test_the_group_is_given_and_repaired(bundle, site):
    other = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid != os.getegid())
    settings = DeliverySettings(DEFAULT_CHAIN, permissions=Permissions.parse("0640", "2750", other))
    with site.open() as butler:
        deliver(bundle, butler, settings)
        path = path_of(butler)
        assert grp.getgrgid(path.stat().st_gid).gr_name == other
        os.chown(path, -1, os.getegid())
        assert deliver(bundle, butler, settings).modes_fixed == 1
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2750


def test_an_older_bundle_does_not_take_members_out_of_the_ticket_chain(bundle, site):
    with site.open() as butler:
        deliver(bundle, butler, SETTINGS)
        newer = f"{TAG}/bias.20240501a"
        butler.collections.register(newer, CollectionType.CALIBRATION)
        prepend(butler, TICKET_CHAIN, newer)
        with pytest.raises(ReleaseError, match="would lose"):
            deliver(bundle, butler, SETTINGS)
        assert children(butler, TICKET_CHAIN)[0] == newer


def test_an_open_range_does_not_hide_what_is_newer_at_the_site(bundle, site):
    with site.open() as butler:
        register_types(butler)
        refs = put_calibrations(butler, "bias", "LATISS/calib/daily/run", seed=7)
        certify(butler, "LATISS/calib/daily", refs, Validity.from_days(20250101), expected=None)
        prepend(butler, DEFAULT_CHAIN, "LATISS/calib/daily")
        with pytest.raises(ReleaseError, match="would hide 2 newer"):
            deliver(bundle, butler, SETTINGS)
        assert not list(site.root.rglob("*20240327T163518Z*"))
        allowed = DeliverySettings(DEFAULT_CHAIN, may_hide_newer=True)
        assert deliver(bundle, butler, allowed).chained == 2


def test_files_that_a_site_only_refers_to_are_not_written(bundle, site, tmp_path):
    entry = bundle.manifest.datasets[0]
    external = tmp_path / "archive.fits"
    external.write_bytes(b"x")
    with site.open() as butler:
        register_types(butler)
        butler.collections.register(entry.run, CollectionType.RUN)
        ref = DatasetRef(
            butler.get_dataset_type(entry.dataset_type),
            butler.registry.expandDataId(entry.data_id),
            run=entry.run,
            id=entry.uuid,
        )
        butler.ingest(FileDataset(str(external), [ref], formatter=entry.formatter), transfer="direct")
        with pytest.raises(ReleaseError, match="only refers to it"):
            deliver(bundle, butler, SETTINGS)
    assert external.read_bytes() == b"x"


def test_with_known_checksums_only_what_changed_is_read_again(bundle, site, tmp_path, monkeypatch):
    import infra.storage.checksums as checksums_module

    read: list[Path] = []
    original = checksums_module.sha256_of
    monkeypatch.setattr(checksums_module, "sha256_of", lambda path: (read.append(path), original(path))[1])
    cache = tmp_path / "checksums.sqlite3"
    with site.open() as butler:
        for _ in range(2):
            with ChecksumCache.open(cache) as checksums:
                deliver(bundle, butler, SETTINGS, checksums=checksums)
        read.clear()
        changed = path_of(butler)
        os.utime(changed)
        with ChecksumCache.open(cache) as checksums:
            deliver(bundle, butler, SETTINGS, checksums=checksums)
        assert read == [changed]
