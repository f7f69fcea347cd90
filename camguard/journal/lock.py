"""One guard to an activation log: a lock that the system itself lets go when its holder dies."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from camguard.core.model import Moment
from camguard.errors import GuardRunning
from camguard.journal.aside import system_errors

log = logging.getLogger(__name__)

_TRIES = 10
_BETWEEN_S = 0.02
_SIZE = 256
"""Bytes of the lock's file, always: so a write changes all of it at once and takes no more room than there is."""


class GuardLock:
    """Held by the guard that keeps the journal at `path`, from creation until `release` or the end of the process.

    The lock file beside the journal bears the holder's pid, and the last sign of life that any holder left. It stays
    where it is: removing it would let two guards hold two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises GuardRunning where another guard holds it, JournalError where it cannot be made."""
        self._path = path
        self._silent = False
        lock = _lock_path(path)
        with system_errors(lock):
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            self._fd = _open(lock)
        try:
            self._take()
            # Taking it is no sign of life: who dies before it watched has watched nothing.
            self._write(os.getpid(), _read(self._fd)[1])
        except BaseException:
            os.close(self._fd)
            raise

    def beat(self, now: Moment) -> None:
        """Leave a sign of life: should the guard die, it is known to have watched until then."""
        self._write(os.getpid(), now)

    def release(self) -> None:
        """Let another guard have it."""
        self._write(0, _read(self._fd)[1])
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self) -> None:
        # `guard_pid` holds the lock for an instant when it looks; that must not turn a guard away.
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_BETWEEN_S)
            else:
                return
        pid, _beat = _read(self._fd)
        who = "another guard" if pid is None else f"another guard (pid {pid})"
        raise GuardRunning(f"{who} already keeps the activation log {self._path}; end that one first", pid)

    def _write(self, pid: int, beat: Moment | None) -> None:
        """What it bears; where the disk does not take it, that is said once, and the lock holds without."""
        line = f"{pid}\n" if beat is None else f"{pid}\n{_written(beat)}\n"
        try:
            # Opened each time: a disk that was read-only when the lock was taken may be no more.
            fd = os.open(_lock_path(self._path), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.pwrite(fd, line.encode().ljust(_SIZE), 0)
                os.fdatasync(fd)  # else it goes with the power, half a minute later than it was written
            finally:
                os.close(fd)
        except OSError as error:
            if not self._silent:
                why = "should this guard die, it is less well known until when it watched"
                log.warning("%s cannot be written: %s; %s", _lock_path(self._path), error.strerror, why)
            self._silent = True
        else:
            self._silent = False


def last_beat(path: Path) -> Moment | None:
    """When a guard last left a sign of life; None where none is known to have done so."""
    lock = _lock_path(path)
    with system_errors(lock):
        try:
            fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
    try:
        return _read(fd)[1]
    finally:
        os.close(fd)


def guard_pid(path: Path) -> int | None:
    """The pid of the guard that keeps the journal at `path` now, None where none does.

    Raises AccessDenied where that may not be known.
    """
    lock = _lock_path(path)
    with system_errors(lock):
        try:
            fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(fd)[0]
    finally:
        os.close(fd)
    return None


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _open(lock: Path) -> int:
    """The lock's file; on a disk that is read-only now, one that is there already holds a lock as well."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(lock, flags | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    return os.open(lock, flags | os.O_RDONLY)


def _written(beat: Moment) -> str:
    return f"{beat.utc_ns} {beat.utc_offset_s} {beat.boottime_ns} {beat.boot_id}"


def _read(fd: int) -> tuple[int | None, Moment | None]:
    """Pid and sign of life, each None where it is not there."""
    words = os.pread(fd, _SIZE, 0).decode("ascii", "replace").split()
    pid = int(words[0]) if words and words[0].isdecimal() else 0
    beat = None
    with suppress(ValueError):
        utc_ns, offset_s, boottime_ns, boot_id = words[1:]
        beat = Moment(int(utc_ns), int(offset_s), int(boottime_ns), boot_id)
    return pid or None, beat
