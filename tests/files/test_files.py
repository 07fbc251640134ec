"""A file is whole or absent, whatever happens while it is written."""

import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from infra.files import (
    canonical_json,
    digest_of,
    open_atomically,
    publish_directory,
    replace_directory,
    sha256_of,
    write_atomically,
    write_json_atomically,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_gets_its_content_and_its_folder(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "a" / "b.txt", "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["b.txt"]


def test_a_failure_while_writing_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "x", "old")

    def write_half() -> None:
        with open_atomically(path) as stream:
            stream.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "x", "0" * 100_000)
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 30):
        write_atomically(path, str(number % 10) * 100_000)
    stop.set()
    reader.join()
    assert all(len(text) == 100_000 and len(set(text)) == 1 for text in seen)


def test_permissions_are_those_asked_for_kept_or_left_by_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_atomically(tmp_path / "x", "1")
        assert mode(path) == 0o640
        write_atomically(path, "2", mode=0o604)
        assert mode(path) == 0o604
        write_atomically(path, "3")
        assert mode(path) == 0o604
    finally:
        os.umask(before)


def test_equal_values_give_equal_json(tmp_path: Path) -> None:
    one = write_json_atomically(tmp_path / "1", {"b": 1, "a": [1.5, "é"]}).read_bytes()
    two = write_json_atomically(tmp_path / "2", {"a": [1.5, "é"], "b": 1}).read_bytes()
    assert one == two
    assert canonical_json({"b": 1, "a": None}) == '{"a":null,"b":1}'
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})


def test_nan_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_atomically(tmp_path / "x", {"a": float("nan")})
    assert os.listdir(tmp_path) == []


def test_the_checksum_is_sha256(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "x", b"abc")
    assert (
        sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-2, B.1
    assert sha256_of(path) == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_takes_the_place_of_another(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:  # as on a file system that cannot swap two names
        monkeypatch.setattr("infra.files._exchange", lambda first, second: False)
    for name, content in (("old", "1"), ("new", "2")):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "x").write_text(content)
    replace_directory(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "deep" / "x").read_text() == "2"
    assert os.listdir(tmp_path) == ["old"]


def test_a_folder_is_never_published_over_another(tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "final").mkdir()
    with pytest.raises(FileExistsError, match="will not write over"):
        publish_directory(tmp_path / "staged", tmp_path / "final")
    publish_directory(tmp_path / "staged", tmp_path / "in" / "other")
    assert (tmp_path / "in" / "other").is_dir()
    assert not (tmp_path / "staged").exists()
