"""Copies of programs that were ended, in a folder that only the guard's user can look into."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from camguard.core.belongings import Kept
from camguard.ports import OpenProgram

LARGEST = 50 * 1024 * 1024
"""Bytes of a program that is copied; of a larger one it is said that it was not."""

FULL = 20 * LARGEST
"""Bytes of copies after which no more are made: whoever has many programs ended must not fill the disk."""

_BLOCK = 1 << 20


def keep_all(keepsakes: Keepsakes | None, programs: Iterable[OpenProgram]) -> tuple[Kept, ...]:
    """A copy of each, where copies are kept; closes them in any case. See `camguard.ports.Witness.keep`."""
    kept = []
    for program in programs:
        if keepsakes is not None:
            kept.append(keepsakes.keep(program.path, program.fd))
        os.close(program.fd)
    return tuple(kept)


class Keepsakes:
    """Keeps a copy of each program under its content's SHA-256, once. Blocking; safe in several threads."""

    def __init__(self, folder: Path, largest: int = LARGEST, full: int = FULL) -> None:
        self._folder = folder
        self._largest = largest
        self._full = full

    def keep(self, path: str, fd: int) -> Kept:
        """A copy of the open file `fd`, which is known as `path`. Never raises for what a disk or a file may do."""
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return Kept(path, why="it is no ordinary file")
            if found.st_size > self._largest:
                return Kept(path, bytes=found.st_size, why=f"it is larger than {self._largest // 2**20} MiB")
            return self._kept(path, fd)
        except OSError as error:
            return Kept(path, why=f"it could not be copied: {error.strerror or error}")

    def _kept(self, path: str, fd: int) -> Kept:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(folder, 0o700)
            if _bytes_in(folder) + os.fstat(fd).st_size > self._full:
                return Kept(path, why=f"there are copies of {self._full // 2**20} MiB already")
            return self._copy(path, fd, folder)
        finally:
            os.close(folder)

    def _copy(self, path: str, fd: int, folder: int) -> Kept:
        draft = f".{os.getpid()}-{fd}.draft"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        new = os.open(draft, flags, 0o400, dir_fd=folder)
        try:
            with open(new, "wb", buffering=0) as file:
                size, sha256 = self._pour(fd, file.fileno())
                os.fsync(file.fileno())
            if size > self._largest:  # it grew while it was read
                return Kept(path, why=f"it is larger than {self._largest // 2**20} MiB")
            os.rename(draft, sha256, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
        return Kept(path, sha256, size, str(self._folder / sha256))

    def _pour(self, source: int, into: int) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        while size <= self._largest and (block := os.pread(source, _BLOCK, size)):
            digest.update(block)
            size += len(block)
            while block:
                block = block[os.write(into, block) :]
        return size, digest.hexdigest()


def _bytes_in(folder: int) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
