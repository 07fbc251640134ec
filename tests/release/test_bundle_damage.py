"""Bundles that are damaged, forged or badly addressed: found, and mended where that is possible."""

import base64
import hashlib
import json
import shutil

import pytest

from infra.errors import ReleaseError, UsageError
from infra.storage import Manifest, open_bundle, publish
from infra.storage.manifest import MANIFEST_NAME
from tests.release.conftest import (
    BUCKET,
    NAME,
    Stopped,
    problems,
    stop_at,
)


def test_a_partial_upload_with_wrong_bytes_is_found_before_the_bundle_is_shown(described, bucket):
    file = described.manifest.datasets[0]
    bucket.put_object(Key=f"exports/{NAME}/{file.path}", Body=b"x" * file.size)
    with pytest.raises(ReleaseError, match="another, unfinished release"):
        publish(described, f"s3://{BUCKET}/exports")
    with pytest.raises(ReleaseError, match="no complete bundle"):
        open_bundle(f"s3://{BUCKET}/exports/{NAME}")


def test_a_partial_copy_with_wrong_bytes_is_written_again(described, tmp_path):
    with pytest.raises(Stopped):
        publish(described, str(tmp_path), checkpoint=stop_at("write manifest"))
    file = described.manifest.datasets[0]
    damaged = tmp_path / f".{NAME}.partial" / file.path
    damaged.write_bytes(b"x" * file.size)
    (damaged.parent / "stray").write_bytes(b"left by a killed attempt")
    assert publish(described, str(tmp_path)).written == 2
    assert problems(str(tmp_path / NAME)) == ()
    assert not list(tmp_path.rglob("stray"))


def test_a_byte_that_flips_at_rest_is_found_and_mended_from_the_repository(described, tmp_path):
    publish(described, str(tmp_path))
    file = described.manifest.datasets[3]
    path = tmp_path / NAME / file.path
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert problems(str(tmp_path / NAME)) == (f"{file.path} has another checksum",)
    assert publish(described, str(tmp_path)).written == 1
    assert problems(str(tmp_path / NAME)) == ()


def test_an_object_that_was_replaced_is_found_and_mended(described, bucket):
    publish(described, f"s3://{BUCKET}/exports")
    file = described.manifest.datasets[3]
    bucket.put_object(Key=f"exports/{NAME}/{file.path}", Body=b"x" * file.size)
    assert problems(f"s3://{BUCKET}/exports/{NAME}") == (f"{file.path} has another checksum",)
    assert publish(described, f"s3://{BUCKET}/exports").written == 1
    assert problems(f"s3://{BUCKET}/exports/{NAME}") == ()


def test_bytes_that_lie_about_their_checksum_are_caught_when_fetched(described, bucket):
    """The service may say what it likes: what is fetched is hashed here."""
    publish(described, f"s3://{BUCKET}/exports")
    file = described.manifest.datasets[0]
    claimed = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    bucket.put_object(
        Key=f"exports/{NAME}/{file.path}",
        Body=b"x" * file.size,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=claimed,
    )
    opened = open_bundle(f"s3://{BUCKET}/exports/{NAME}")
    with pytest.raises(ReleaseError, match=r"checksum|damaged"), opened.local(file):
        pass


def test_an_unknown_bucket_is_named(described, bucket):
    with pytest.raises(ReleaseError, match="no-such-bucket"):
        publish(described, "s3://no-such-bucket/exports")


@pytest.mark.parametrize("address", ["", "ftp://host/x", "s3://", "file://elsewhere/x"])
def test_an_address_that_is_no_place_for_bundles_is_refused(described, address):
    with pytest.raises(UsageError):
        publish(described, address)


def rewritten(described, change) -> str:
    """Change a manifest and give it a digest that matches, as a forger would."""
    content = json.loads(described.manifest.to_json())
    del content["manifest_sha256"]
    change(content)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(content)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.fits",
        "/etc/passwd",
        "a/../../b.fits",
        "a//b.fits",
        "..",
        ".",
        "a\\b",
        "C:/x",
        "",
        MANIFEST_NAME,
    ],
)
def test_a_path_that_leads_out_of_the_bundle_is_refused(described, path):
    text = rewritten(described, lambda content: content["datasets"][0].update(path=path))
    with pytest.raises(ReleaseError, match=r"datasets\.0\.path"):
        Manifest.from_json(text, where="forged")


def test_a_link_planted_in_the_folder_is_not_followed_out(described, tmp_path):
    publish(described, str(tmp_path))
    file = described.manifest.datasets[0]
    path = tmp_path / NAME / file.path
    secret = tmp_path / "secret"
    shutil.move(path, secret)
    path.symlink_to(secret)
    with pytest.raises(ReleaseError, match="leads out"):
        problems(str(tmp_path / NAME))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["datasets"].append(content["datasets"][0]), "occurs twice"),
        (lambda content: content["datasets"].pop(), "not in the bundle"),
        (lambda content: content["dataset_types"].pop(), "undescribed type"),
        (lambda content: content["chain"].update(children=["LATISS/calib/other"]), "not in the bundle"),
        (lambda content: content["datasets"][0].update(sha256="123"), "sha256"),
        (lambda content: content.update(schema_version="calprod.bundle/99"), "schema"),
        (lambda content: content.update(surprise=1), "surprise"),
    ],
)
def test_a_manifest_that_does_not_hang_together_is_refused(described, change, message):
    with pytest.raises(ReleaseError, match=message):
        Manifest.from_json(rewritten(described, change), where="forged")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"schema_version": "calprod.bundle/1"}'])
def test_a_damaged_manifest_is_refused(text):
    with pytest.raises(ReleaseError, match="broken"):
        Manifest.from_json(text, where="broken")


def test_a_changed_manifest_is_refused(described):
    text = described.manifest.to_json().replace("lowerSetTemp/20240326a", "lowerSetTemp/20240326b")
    with pytest.raises(ReleaseError, match="changed after it was written"):
        Manifest.from_json(text, where="changed")
