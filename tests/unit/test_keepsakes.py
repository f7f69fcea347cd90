"""Copies of programs: bounded, each once, and nowhere that somebody else chose."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camguard.core.belongings import Kept
from camguard.platform.keepsake import Keepsakes


@contextmanager
def opened(path: Path, content: bytes) -> Iterator[int]:
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def test_a_copy_is_named_by_its_hash_and_made_once(tmp_path: Path) -> None:
    keepsakes = Keepsakes(tmp_path / "evidence")
    sha256 = hashlib.sha256(b"program").hexdigest()
    with opened(tmp_path / "tool", b"program") as fd:
        os.unlink(tmp_path / "tool")
        for _ in range(2):
            assert keepsakes.keep("/x/tool", fd) == Kept("/x/tool", sha256, 7, str(tmp_path / "evidence" / sha256))
    assert os.listdir(tmp_path / "evidence") == [sha256]
    assert stat.S_IMODE((tmp_path / "evidence" / sha256).stat().st_mode) == 0o400


def test_what_is_too_large_or_one_too_many_is_not_copied_and_that_is_said(tmp_path: Path) -> None:
    keepsakes = Keepsakes(tmp_path / "evidence", largest=2**20, full=2**20 + 10)
    with opened(tmp_path / "large", b"x" * (2**20 + 1)) as fd:
        assert keepsakes.keep("large", fd) == Kept("large", bytes=2**20 + 1, why="it is larger than 1 MiB")
    with opened(tmp_path / "fits", b"x" * 2**20) as fd:
        assert keepsakes.keep("fits", fd).sha256 is not None
    with opened(tmp_path / "more", b"y" * 11) as fd:
        assert keepsakes.keep("more", fd).why == "there are copies of 1 MiB already"
    assert len(os.listdir(tmp_path / "evidence")) == 1


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "evidence").symlink_to("elsewhere")
    with opened(tmp_path / "tool", b"program") as fd:
        kept = Keepsakes(tmp_path / "evidence").keep("tool", fd)
    assert (kept.sha256, (kept.why or "").startswith("it could not be copied:")) == (None, True)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_pipe_is_no_program(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        assert Keepsakes(tmp_path / "evidence").keep("p", reader).why == "it is no ordinary file"
    finally:
        os.close(reader)
        os.close(writer)
