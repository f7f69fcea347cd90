"""Small files that are replaced whole or not at all, also where the power goes in the middle."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from camguard.errors import AccessDenied


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
    sync_folder(path.parent)


def make_alike(path: Path, fd: int) -> None:
    """Give a new file the owner and the mode of the one at `path`, where they differ.

    Raises AccessDenied where it cannot be given away, a right that the service has not.
    """
    try:
        before, new = os.stat(path), os.fstat(fd)
    except FileNotFoundError:
        return
    uid = -1 if before.st_uid == new.st_uid else before.st_uid
    gid = -1 if before.st_gid == new.st_gid else before.st_gid
    if (uid, gid) != (-1, -1):
        try:
            os.fchown(fd, uid, gid)
        except PermissionError as error:
            raise AccessDenied(
                f"{path} belongs to user {before.st_uid} and group {before.st_gid}, and what replaces it could not be "
                f"given to them; change it by hand, or run: chown {new.st_uid}:{new.st_gid} {path}"
            ) from error
    if stat.S_IMODE(before.st_mode) != stat.S_IMODE(new.st_mode):
        os.fchmod(fd, before.st_mode & 0o777)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
