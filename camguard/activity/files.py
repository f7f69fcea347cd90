"""A file that is there whole or not at all, and that never takes the place of another unasked.

`camguard.wholefile` replaces files that are camguard's own. Here a person names the file, in a folder of any kind.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from camguard.errors import PageError, Refused
from camguard.wholefile import sync_folder

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links say, such as FAT on a memory stick."""

_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.ENOSYS})
"""What file systems that cannot make a file without a name say, and the kernel where it does not know of such."""

OR_FORCE = "choose another name, or replace it with --force"
"""What to do where a file is there already, and may be replaced if somebody says so."""


def refuse_to_replace(path: Path, *, force: bool, remedy: str = OR_FORCE) -> None:
    """Raises Refused where a file of that name is there and may not be replaced: none may without `force`."""
    with _told(path):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISREG(mode):
        raise Refused(f"{path} is no ordinary file, and is not replaced; choose another name")
    if not force:
        raise Refused(f"{path} is there already; {remedy}")


def write_new(path: Path, parts: Iterable[str], *, force: bool = False) -> None:
    """Write a text that only its owner may read: all of it, or nothing where that fails; see `creating`."""
    with creating(path, force=force) as file:
        file.writelines(part.encode("utf-8") for part in parts)


@contextmanager
def creating(path: Path, *, force: bool = False, remedy: str = OR_FORCE) -> Iterator[BinaryIO]:
    """A new file to be written, which only its owner may read. It has its name once the context is left, and is whole.

    Where the context is left by an error there is no file, and where the process is killed none either on file systems
    that can make a file without a name; else one that begins with a dot is left. Raises Refused where a file of that
    name is there, also one that came meanwhile, unless `force` says to replace it; PageError where the system does not
    let it be written.
    """
    refuse_to_replace(path, force=force, remedy=remedy)
    with _told(path):
        draft = _Draft(path, remedy, named=force)
    try:
        with _told(path), draft.file:
            yield draft.file
            draft.file.flush()
            os.fsync(draft.file.fileno())
            draft.put(force=force)
    finally:
        draft.forget()


class _Draft:
    """A file beside its place, without a name where the file system and what is to be done with it allow that."""

    def __init__(self, path: Path, remedy: str, *, named: bool) -> None:
        self.path = path
        self._remedy = remedy
        self._name: str | None = None
        number = None if named else _nameless(path.parent)
        if number is None:
            number, self._name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
        self.file: BinaryIO = os.fdopen(number, "w+b")

    def put(self, *, force: bool) -> None:
        """Give the finished file its name. Raises Refused, and what the system does."""
        if self._name is None:
            try:
                _link(self.file.fileno(), self.path)
            except FileExistsError as error:
                raise Refused(f"{self.path} is there already; {self._remedy}") from error
        else:
            _put(self._name, self.path, self._remedy, force=force)
        sync_folder(self.path.parent)

    def forget(self) -> None:
        """Leave nothing but the finished file."""
        if self._name is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._name)


def _nameless(folder: Path) -> int | None:
    """A file in that folder that goes with its descriptor (O_TMPFILE, open(2)); None where there is no such thing."""
    if not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_NAMELESS:
            return None
        raise


def _link(number: int, path: Path) -> None:
    """Give a file a name by its descriptor: linkat(2) with AT_SYMLINK_FOLLOW, which never replaces anything."""
    folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(str(number), path, src_dir_fd=folder, follow_symlinks=True)  # Python follows where a folder is given
    finally:
        os.close(folder)


def _put(name: str, path: Path, remedy: str, *, force: bool) -> None:
    """Give the finished file its name."""
    if not force:
        try:
            os.link(name, path)
        except FileExistsError as error:
            raise Refused(f"{path} is there already; {remedy}") from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
    refuse_to_replace(path, force=force, remedy=remedy)
    os.replace(name, path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PageError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
