"""Hashing files that somebody else chose."""

from __future__ import annotations

import hashlib
import os
from io import FileIO
from pathlib import Path

import pytest

from camguard.platform.linux import hashing
from camguard.platform.linux.hashing import Hasher, open_regular


def sha256(path: Path, hasher: Hasher | None = None) -> str | None:
    fd = open_regular(str(path))
    if fd is None:
        return None
    try:
        return (hasher or Hasher()).sha256(fd)
    finally:
        os.close(fd)


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"camera" * 100_000)
    assert sha256(file) == hashlib.sha256(b"camera" * 100_000).hexdigest()


def test_what_is_open_is_hashed_also_when_its_name_means_another_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"old")
    fd = open_regular(str(file))
    assert fd is not None
    (tmp_path / "y").write_bytes(b"new")
    (tmp_path / "y").replace(file)
    assert Hasher().sha256(fd) == hashlib.sha256(b"old").hexdigest()
    os.close(fd)


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    digest = hashlib.file_digest

    def counted(file: FileIO, name: str) -> object:
        reads.append(name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    file, hasher = tmp_path / "x", Hasher()
    file.write_bytes(b"one")
    first = sha256(file, hasher)
    assert sha256(file, hasher) == first
    assert len(reads) == 1
    file.write_bytes(b"three")
    assert sha256(file, hasher) == hashlib.sha256(b"three").hexdigest()
    assert len(reads) == 2


def test_the_memory_of_hashes_is_bounded(tmp_path: Path) -> None:
    hasher = Hasher(cached=3)
    for number in range(10):
        (tmp_path / str(number)).write_bytes(bytes([number]))
        assert sha256(tmp_path / str(number), hasher) == hashlib.sha256(bytes([number])).hexdigest()
    assert len(hasher._known) == 3


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it for reading would wait for a writer
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null"), tmp_path / "missing", Path("a\0b")):
        assert open_regular(str(path)) is None


def test_a_file_larger_than_a_gibibyte_is_not_hashed(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(hashing.MAX_BYTES + 1)
    assert sha256(tmp_path / "big") is None


def test_what_is_no_regular_file_has_no_hash() -> None:
    reading, writing = os.pipe()
    assert Hasher().sha256(reading) is None
    os.close(reading)
    os.close(writing)
