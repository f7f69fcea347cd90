"""Small files that are replaced whole or not at all, also where the power goes in the middle."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, prepare: Callable[[int], None] = lambda _: None) -> None:
    """Put a file with this content in the place of the one at `path`, durably; it is its user's alone.

    One writer at a time, which is for the caller to see to: what a writer that was killed left behind is the next
    one's to replace. `prepare` is given the new file's descriptor before it takes the old one's place. Raises OSError,
    and the file at `path` is as it was.
    """
    draft = path.with_name(f".{path.name}.draft")
    with suppress(FileNotFoundError):
        os.unlink(draft)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            prepare(fd)
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.rename(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
