"""One guard to an activation log: a lock that the system itself lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from camguard.errors import GuardRunning
from camguard.journal.aside import system_errors

_TRIES = 10
_BETWEEN_S = 0.02
_PID_DIGITS = 20


class GuardLock:
    """Held by the guard that keeps the journal at `path`, from creation until `release` or the end of the process.

    The lock file beside the journal bears the holder's pid and stays where it is: removing it would let two
    guards hold two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises GuardRunning where another guard holds it, JournalError where it cannot be made."""
        self._path = path
        lock = _lock_path(path)
        with system_errors(lock):
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            self._fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._take()
            with system_errors(lock):
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(self._fd)
            raise

    def beat(self) -> None:
        """Leave a sign of life: should the guard die, it is known to have watched until then."""
        os.utime(self._fd)

    def release(self) -> None:
        """Let another guard have it."""
        os.ftruncate(self._fd, 0)
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
        pid = _read_pid(self._fd)
        who = "another guard" if pid is None else f"another guard (pid {pid})"
        raise GuardRunning(f"{who} already keeps the activation log {self._path}; end that one first", pid)


def last_beat_ns(path: Path) -> int | None:
    """When a guard last left a sign of life, in UTC nanoseconds; None where none ever did.

    To be asked before the lock is taken, which is a sign of life itself.
    """
    lock = _lock_path(path)
    with system_errors(lock):
        try:
            return os.stat(lock).st_mtime_ns
        except FileNotFoundError:
            return None


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
        return _read_pid(fd)
    finally:
        os.close(fd)
    return None


def _lock_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _read_pid(fd: int) -> int | None:
    digits = os.pread(fd, _PID_DIGITS, 0).strip()
    return int(digits) if digits.isdigit() else None
