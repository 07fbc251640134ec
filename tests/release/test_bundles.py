import base64
import os
import shutil
from pathlib import Path

import pytest
import yaml

from infra.butler.bundling import describe_bundle
from infra.butler.validity import Validity
from infra.errors import ReleaseError
from infra.files import sha256_of
from infra.storage import ChecksumCache, bundle_name, open_bundle, publish
from infra.storage.manifest import EXPORT_NAME, MANIFEST_NAME
from tests.children import run_in_child
from tests.release.conftest import (
    BUCKET,
    DEFAULT_CHAIN,
    INSTRUMENT,
    NAME,
    TAG,
    TICKET_CHAIN,
    Stopped,
    problems,
    put_calibrations,
    release,
    request,
)


@pytest.fixture(params=["folder", "s3"])
def destination(request, tmp_path) -> str:
    """Where bundles go: a folder, and a bucket of a running S3 server."""
    if request.param == "s3":
        request.getfixturevalue("bucket")
        return f"s3://{BUCKET}/exports"
    return str(tmp_path / "exports")


def names_shown(destination: str, bucket=None) -> list[str]:
    if bucket is not None:
        return sorted(item.key for item in bucket.objects.all() if item.key.endswith(MANIFEST_NAME))
    return sorted(name for name in os.listdir(destination) if not name.startswith("."))


def test_a_bundle_has_the_name_of_its_certification():
    assert bundle_name("20240405a") == NAME
    with pytest.raises(ReleaseError, match="cannot name"):
        bundle_name("../evil")


def test_the_manifest_tells_everything_a_site_needs(described):
    manifest = described.manifest
    assert [entry.name for entry in manifest.dataset_types] == ["bias", "dark", "flat"]
    assert len(manifest.datasets) == 8
    assert {entry.serial for entry in manifest.detectors} == {"ITL-3800C-000", "ITL-3800C-001"}
    assert [(entry.name, entry.band) for entry in manifest.filters] == [
        ("SDSSg_65mm~empty", "g"),
        ("SDSSr_65mm~empty", "r"),
    ]
    assert manifest.chain.name == TICKET_CHAIN
    assert {Validity(entry.begin, entry.end) for entry in manifest.certifications} == {
        Validity.from_days(20240326)
    }
    assert all(entry.formatter.startswith("lsst.") for entry in manifest.datasets)
    assert all(entry.storage_class == "MaskedImageV2" for entry in manifest.datasets)


def test_a_bundle_is_written_read_back_and_not_written_again(described, destination):
    first = publish(described, destination)
    second = publish(described, destination)
    assert first.written == 10  # eight datasets, export.yaml, manifest
    assert (second.written, second.kept, second.changed) == (0, 9, False)
    assert first.manifest_digest == second.manifest_digest
    opened = open_bundle(f"{destination}/{NAME}")
    assert opened.manifest == described.manifest
    assert problems(f"{destination}/{NAME}") == ()
    for file in opened.manifest.files():
        with opened.local(file) as path:
            assert (path.stat().st_size, sha256_of(path)) == (file.size, file.sha256)


def test_describing_the_same_release_again_gives_the_same_bytes(described, released):
    with released.open(writeable=False) as butler, ChecksumCache.open() as checksums:
        again = describe_bundle(butler, request(), checksums)
    assert again.manifest.to_json() == described.manifest.to_json()


def test_another_release_under_the_same_name_is_refused(described, destination, home):
    publish(described, destination)
    with home.open() as butler, ChecksumCache.open() as checksums:
        release(butler, Validity.from_days(20240401))
        other = describe_bundle(butler, request(), checksums)
    with pytest.raises(ReleaseError, match="another release"):
        publish(other, destination)
    assert open_bundle(f"{destination}/{NAME}").manifest == described.manifest


@pytest.mark.parametrize("step", ["copy", "write manifest"])
def test_a_bundle_stopped_half_way_cannot_be_seen_and_is_taken_up_again(described, destination, step):
    stops = 0

    def checkpoint(name: str) -> None:
        nonlocal stops
        stops += name.startswith(step)
        if name.startswith(step) and (stops == 5 or step != "copy"):
            raise Stopped

    with pytest.raises(Stopped):
        publish(described, destination, checkpoint=checkpoint)
    with pytest.raises(ReleaseError, match="no complete bundle"):
        open_bundle(f"{destination}/{NAME}")
    rest = publish(described, destination)
    assert rest.kept == (4 if step == "copy" else 9)
    assert rest.written == 10 - rest.kept
    assert problems(f"{destination}/{NAME}") == ()


def test_a_folder_export_killed_at_any_step_is_finished_by_the_next_one(described, tmp_path):
    steps: list[str] = []
    publish(described, str(tmp_path / "whole"), checkpoint=steps.append)
    assert steps[0] == "gather"
    assert steps[-3:] == ["write manifest", "show bundle", "bundle shown"]
    for number, step in enumerate(steps):
        parent = str(tmp_path / f"killed-{number}")
        status = run_in_child(
            lambda parent=parent, step=step: publish(
                described, parent, checkpoint=lambda name: os._exit(9) if name == step else None
            )
        )
        assert status == 9
        assert names_shown(parent) == ([NAME] if step == "bundle shown" else [])
        publish(described, parent)
        assert os.listdir(parent) == [NAME]
        assert problems(f"{parent}/{NAME}") == ()


def test_what_was_uploaded_carries_a_checksum_that_the_service_checked(described, bucket):
    publish(described, f"s3://{BUCKET}/exports")
    file = described.manifest.datasets[0]
    client = bucket.meta.client
    head = client.head_object(Bucket=BUCKET, Key=f"exports/{NAME}/{file.path}", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == file.sha256


def test_people_without_calprod_can_import_the_bundle(described, tmp_path, bare):
    """The Butler's own export file names the ticket chain only: import replaces every chain that it names."""
    publish(described, str(tmp_path))
    folder = tmp_path / NAME
    export = yaml.safe_load((folder / EXPORT_NAME).read_text())
    named = {entry["name"] for entry in export["data"] if entry.get("collection_type") == "CHAINED"}
    assert named == {TICKET_CHAIN}
    with bare.open() as butler:
        butler.import_(directory=str(folder), filename=EXPORT_NAME, transfer="copy")
        ref = butler.find_dataset(
            "bias",
            instrument=INSTRUMENT,
            detector=0,
            collections=TICKET_CHAIN,
            timespan=Validity.from_days(20240401, 20240401).timespan(),
        )
        assert butler.get(ref).image.array.shape == (8, 12)


def test_attachments_travel_with_the_bundle(released, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<html></html>")
    with released.open(writeable=False) as butler, ChecksumCache.open() as checksums:
        bundle = describe_bundle(butler, request(attachments={"report/report.html": report}), checksums)
        publish(bundle, str(tmp_path / "exports"))
    assert (tmp_path / "exports" / NAME / "report/report.html").read_text() == "<html></html>"


def test_only_a_ticket_chain_is_exported(released, home):
    with released.open(writeable=False) as butler, ChecksumCache.open() as checksums:
        with pytest.raises(ReleaseError, match="not the default chain"):
            describe_bundle(butler, request(ticket_chain=DEFAULT_CHAIN), checksums)
        with pytest.raises(ReleaseError, match="no ticket chain"):
            describe_bundle(butler, request(ticket_chain="LATISS/calib/DM-1"), checksums)


def test_a_calibration_of_another_ccd_is_not_exported(home):
    with home.open() as butler, ChecksumCache.open() as checksums:
        release(butler)
        with pytest.raises(ReleaseError, match="made with CCD ITL-3800C-001, but detector 1 is ITL-999"):
            describe_bundle(butler, request(serials={1: "ITL-999"}), checksums)


def test_a_missing_file_stops_the_export(home):
    with home.open() as butler, ChecksumCache.open() as checksums:
        release(butler)
        ref = butler.query_datasets("dark", collections="*", find_first=False)[0]
        Path(butler.getURI(ref).ospath).unlink()
        with pytest.raises(ReleaseError, match="is missing"):
            describe_bundle(butler, request(), checksums)


def test_an_external_file_gets_a_place_in_the_bundle(home, tmp_path):
    """A calibration ingested where it lies has an absolute address, which means nothing elsewhere."""
    from lsst.daf.butler import FileDataset

    from infra.butler.certification import certify
    from infra.butler.chains import set_ticket_chain

    with home.open() as butler, ChecksumCache.open() as checksums:
        (ref,) = put_calibrations(butler, "bias", f"{TAG}/biasGen.20240501a/1", seed=900, detectors=(0,))
        external = tmp_path / "archive" / "bias.fits"
        external.parent.mkdir()
        shutil.copy(butler.getURI(ref).ospath, external)
        butler.pruneDatasets([ref], unstore=True, disassociate=False)
        butler.ingest(FileDataset(str(external), [ref]), transfer="direct")
        certify(butler, f"{TAG}/bias.20240501a", [ref], Validity.from_days(20240501), expected=None)
        set_ticket_chain(butler, TICKET_CHAIN, [f"{TAG}/bias.20240501a"])
        bundle = describe_bundle(butler, request(name="calibs.20240501a"), checksums)
        publish(bundle, str(tmp_path / "exports"))
    (dataset,) = bundle.manifest.datasets
    assert dataset.path == f"{TAG}/biasGen.20240501a/1/bias/{ref.id}.fits"
    assert problems(str(tmp_path / "exports" / "calibs.20240501a")) == ()
