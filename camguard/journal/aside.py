"""Setting a damaged journal aside, so that a new one can begin in its place and nothing is ever deleted.

A SQLite file must not be renamed while another writer has it open: that writer would go on in the old file, and
share the new one's side files with it. So every writer holds a shared lock on the folder, and only who has it
alone may rename.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camguard.core.model import NANOSECONDS
from camguard.core.records import Record
from camguard.errors import AccessDenied, JournalError, JournalWriteError
from camguard.journal.database import BUSY_TIMEOUT_S, connect_to_read

_MARK = ".corrupt-"
_SIDECARS = ("-wal", "-shm")
_LOOK_AGAIN_S = 0.01
_FOR_NOW = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turn what the system raises about the file at `path` into AccessDenied, JournalWriteError or JournalError."""
    try:
        yield
    except PermissionError as error:
        raise AccessDenied(f"you may not use the activation log {path}: {error.strerror}") from error
    except OSError as error:
        kind = JournalWriteError if error.errno in _FOR_NOW else JournalError
        raise kind(f"the activation log {path} cannot be used: {error.strerror}") from error


def permit(path: Path, mode: int) -> None:
    """Raise AccessDenied where this user may not use the existing file at `path` in that way (see os.access).

    SQLite would say no more than that it could not. A disk that is read-only now is not a question of who asks.
    """
    with system_errors(path):
        if os.access(path, mode, effective_ids=True) or is_read_only(path):
            return
    raise AccessDenied(f"you may not use the activation log {path}: it belongs to another user")


def is_read_only(path: Path) -> bool:
    """Whether what is at `path` is on a disk that may only be read now. Raises OSError."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


class Folder:
    """The folder of a journal, made where it is missing and held by a shared lock while a writer is open."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        with system_errors(journal):
            os.makedirs(journal.parent, mode=0o700, exist_ok=True)
            self._fd = os.open(journal.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._take(fcntl.LOCK_SH)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder with no other writer open. The caller has closed its own connection.

        Raises JournalWriteError where another writer stays.
        """
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        try:
            self._take(fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._fd)

    def _take(self, how: int) -> None:
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                fcntl.flock(self._fd, how | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise JournalWriteError(f"another process has the activation log {self._journal} open") from error
                time.sleep(_LOOK_AGAIN_S)
            else:
                return


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged journal as it lies there: its last entry's number and hash where they could be read."""

    path: Path
    size: int
    last_seq: int | None
    last_hash: str | None

    @property
    def record(self) -> Record:
        """What the first entry of the new journal says about it."""
        return {"file": self.path.name, "size": self.size, "last_seq": self.last_seq, "last_hash": self.last_hash}


def move(journal: Path, utc_ns: int) -> None:
    """Rename a journal and what belongs to it to ``NAME.corrupt-YYYYmmddTHHMMSSZ``; overwrites nothing.

    The caller holds the folder alone. Raises OSError.
    """
    stamp = datetime.fromtimestamp(utc_ns // NANOSECONDS, UTC).strftime("%Y%m%dT%H%M%SZ")
    target = f"{journal}{_MARK}{stamp}"
    number = 1
    while any(os.path.lexists(f"{target}{end}") for end in ("", *_SIDECARS)):
        number += 1
        target = f"{journal}{_MARK}{stamp}-{number}"
    for end in (*_SIDECARS, ""):  # the database last: while it is in place, a crash here is simply tried again
        if os.path.lexists(f"{journal}{end}"):
            os.rename(f"{journal}{end}", f"{target}{end}")


def newest(journal: Path) -> SetAside | None:
    """The journal that was set aside last in this folder. Raises OSError."""
    names = sorted(
        name
        for name in os.listdir(journal.parent)
        if name.startswith(f"{journal.name}{_MARK}") and not name.endswith(_SIDECARS)
    )
    if not names:
        return None
    path = journal.parent / names[-1]
    seq, digest = _tail(path)
    return SetAside(path, path.stat().st_size, seq, digest)


def _tail(path: Path) -> tuple[int | None, str | None]:
    try:
        with closing(connect_to_read(path)) as connection:
            row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        return (None, None)  # it was set aside for being unreadable
    return (None, None) if row is None else (int(row[0]), bytes(row[1]).hex())
