import shutil
from pathlib import Path

import pytest
from lsst.daf.butler import CollectionType

from infra.butler.certification import certify
from infra.butler.chains import prepend, set_ticket_chain
from infra.butler.fingerprint import compare_sites, site_fingerprint
from infra.butler.ranges import associations
from infra.butler.validity import Validity
from infra.storage import ChecksumCache, Permissions
from tests.release.conftest import DEFAULT_CHAIN, FROM_MARCH, TAG, TICKET_CHAIN, Repository, put_calibrations

BIAS, DARK, FLAT = (f"{TAG}/{name}.20240405a" for name in ("bias", "dark", "flat"))


@pytest.fixture
def twin(templates, tmp_path) -> Repository:
    """Copy the home repository whole: a site that answers the same."""
    root = tmp_path / "twin"
    shutil.copytree(templates["released"], root)
    return Repository(root)


def fingerprint(repository: Repository, **options):
    with repository.open(writeable=False) as butler:
        return site_fingerprint(butler, DEFAULT_CHAIN, site=repository.root.name, **options)


def differences(released, twin, **options) -> list[tuple[str, str]]:
    found = compare_sites(fingerprint(released), fingerprint(twin, **options))
    return [(difference.kind, str(difference)) for difference in found]


def bias_file(butler) -> Path:
    ref, _ = next(associations(butler, BIAS))
    return Path(butler.getURI(ref).ospath)


def test_equal_sites_have_equal_digests_and_no_differences(released, twin):
    ours, theirs = fingerprint(released), fingerprint(twin)
    assert ours.digest == theirs.digest
    assert ours.datasets == 8
    assert ours.children == (TICKET_CHAIN,)
    assert [entry.name for entry in ours.collections] == [BIAS, DARK, FLAT]
    assert compare_sites(ours, theirs) == ()


def test_one_flipped_byte_is_found(released, twin):
    with twin.open() as butler:
        path = bias_file(butler)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    ((kind, text),) = differences(released, twin)
    assert kind == "checksum"
    assert f"bias detector 0 in {BIAS}" in text


def test_one_missing_file_is_found_even_when_both_sites_lost_it(released, twin):
    with twin.open() as butler:
        bias_file(butler).unlink()
    ((kind, text),) = differences(released, twin)
    assert kind == "file"
    assert text.endswith("present | missing")
    with released.open() as butler:
        bias_file(butler).unlink()
    assert [kind for kind, _ in differences(released, twin)] == ["file"]


def test_one_flipped_permission_bit_is_found(released, twin):
    with twin.open() as butler:
        path = bias_file(butler)
    for entry in twin.root.rglob("*"):
        entry.chmod(0o750 if entry.is_dir() else 0o640)
    wanted = Permissions.parse("0640", "0750")
    assert differences(released, twin, permissions=wanted) == []
    path.chmod(0o644)
    ((kind, text),) = differences(released, twin, permissions=wanted)
    assert kind == "permission"
    assert f"{path}: mode 0644, expected 0640" in text
    assert fingerprint(released).digest == fingerprint(twin, permissions=wanted).digest


def test_permissions_are_compared_with_each_sites_own_profile_only(released, twin):
    for root, directory_mode, file_mode in ((released.root, 0o755, 0o644), (twin.root, 0o750, 0o640)):
        for entry in root.rglob("*"):
            entry.chmod(directory_mode if entry.is_dir() else file_mode)
    ours = fingerprint(released, permissions=Permissions.parse("0644", "0755"))
    theirs = fingerprint(twin, permissions=Permissions.parse("0640", "0750"))
    assert compare_sites(ours, theirs) == ()


def test_one_missing_detector_is_found(released, twin):
    with twin.open() as butler:
        refs = [ref for ref, _ in associations(butler, DARK)]
        butler.registry.decertify(DARK, "dark", Validity().timespan(), dataIds=[refs[1].dataId])
    ((kind, text),) = differences(released, twin)
    assert kind == "dataset"
    assert f"dark detector 1 in {DARK}" in text
    assert text.endswith("missing")


def test_another_range_is_found(released, twin):
    with twin.open() as butler, butler.transaction():
        refs = [ref for ref, _ in associations(butler, DARK)]
        butler.registry.decertify(DARK, "dark", Validity().timespan(), dataIds=[refs[0].dataId])
        butler.registry.certify(DARK, refs[:1], Validity.from_days(20240327).timespan())
    ((kind, text),) = differences(released, twin)
    assert kind == "range"
    assert text.endswith("20240326.. | 20240327..")


def test_another_dataset_is_found(released, twin):
    with twin.open() as butler:
        (other,) = put_calibrations(butler, "bias", "LATISS/calib/other/run", seed=77, detectors=(0,))
        with butler.transaction():
            butler.registry.decertify(BIAS, "bias", Validity().timespan(), dataIds=[other.dataId])
            butler.registry.certify(BIAS, [other], FROM_MARCH.timespan())
    ((kind, text),) = differences(released, twin)
    assert kind == "uuid"
    assert str(other.id) in text


def test_another_search_order_is_found(released, twin):
    """The same collections in another order answer differently."""
    with twin.open() as butler:
        set_ticket_chain(butler, TICKET_CHAIN, [DARK, BIAS, FLAT])
    ((kind, text),) = differences(released, twin)
    assert kind == "chain"
    assert "search order" in text


def test_a_collection_or_a_member_too_many_or_too_few_is_found(released, twin):
    with twin.open() as butler:
        butler.collections.register("LATISS/calib/daily", CollectionType.CALIBRATION)
        prepend(butler, DEFAULT_CHAIN, "LATISS/calib/daily")
        set_ticket_chain(butler, TICKET_CHAIN, [BIAS, FLAT], may_drop=True)
    found = differences(released, twin)
    assert [kind for kind, _ in found] == ["chain", "collection", "collection"]
    assert f"collection: {DARK}: present | missing" in found[1][1]
    assert "collection: LATISS/calib/daily: missing | present" in found[2][1]


def test_a_site_without_any_chain_differs_from_one_with(released, site):
    kinds = {kind for kind, _ in differences(released, site)}
    assert kinds == {"chain", "collection"}
    assert fingerprint(site).datasets == 0


def test_a_second_range_of_one_detector_is_a_row_of_its_own(released, twin):
    with twin.open() as butler:
        refs = [ref for ref, _ in associations(butler, BIAS)]
        certify(butler, BIAS, refs[:1], Validity.from_days(20240101, 20240131), expected=None)
    ((kind, text),) = differences(released, twin)
    assert kind == "dataset"
    assert "valid 20240101..20240131" in text


def test_a_second_look_reads_no_file_again(released, tmp_path, monkeypatch):
    import infra.storage.checksums as checksums_module

    read: list[Path] = []
    original = checksums_module.sha256_of
    monkeypatch.setattr(checksums_module, "sha256_of", lambda path: (read.append(path), original(path))[1])
    cache = tmp_path / "checksums.sqlite3"
    with ChecksumCache.open(cache) as checksums:
        first = fingerprint(released, checksums=checksums)
    assert len(read) == 8
    with ChecksumCache.open(cache) as checksums:
        assert fingerprint(released, checksums=checksums) == first
    assert len(read) == 8
