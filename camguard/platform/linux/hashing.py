"""SHA-256 of files that somebody else chose, by an open descriptor, so that what is hashed is what was found."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections import OrderedDict

MAX_BYTES = 1 << 30
_CACHED = 512

_Key = tuple[int, int, int, int, int]


def open_regular(path: str, *, follow: bool = True) -> int | None:
    """A descriptor to read a regular file, None for anything else and for what cannot be opened.

    Looks before it opens: opening a named pipe would wait, and opening a device does something to it. The path
    may be one of /proc/PID/exe or /proc/PID/root. Without `follow` a symbolic link at its end is not a regular file.
    """
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    finally:
        os.close(handle)


class Hasher:
    """Hashes files and remembers, by device, inode, size and both times, so that a big browser is read once.

    Safe to use from several threads.
    """

    def __init__(self, cached: int = _CACHED) -> None:
        self._cached = cached
        self._known: OrderedDict[_Key, str] = OrderedDict()
        self._lock = threading.Lock()

    def sha256(self, fd: int) -> str | None:
        """SHA-256 of the open regular file `fd` in hexadecimal.

        None for what is no regular file, is larger than 1 GiB, cannot be read, or changed while it was read.
        """
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode) or before.st_size > MAX_BYTES:
                return None
            key = _key(before)
            with self._lock:
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
            with open(os.dup(fd), "rb", buffering=0) as file:
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if _key(os.fstat(fd)) != key:
                return None
        except OSError:
            return None
        with self._lock:
            self._known[key] = digest
            while len(self._known) > self._cached:
                self._known.popitem(last=False)
        return digest


def _key(found: os.stat_result) -> _Key:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
