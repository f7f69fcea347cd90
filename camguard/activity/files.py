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

from camguard.errors import PageError, Refused

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links say, such as FAT on a memory stick."""


def refuse_to_replace(path: Path, *, force: bool) -> None:
    """Raises Refused where a file of that name is there and may not be replaced: none may without `force`."""
    with _told(path):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISREG(mode):
        raise Refused(f"{path} is no ordinary file, and is not replaced; choose another name")
    if not force:
        raise Refused(f"{path} is there already; choose another name, or replace it with --force")


def write_new(path: Path, parts: Iterable[str], *, force: bool = False) -> None:
    """Write a file that only its owner may read: all of it, or nothing where that fails.

    Raises Refused where a file of that name is there, also one that came meanwhile, unless `force` says to replace
    it; PageError where the system does not let it be written.
    """
    refuse_to_replace(path, force=force)
    with _told(path):
        number, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    try:
        with _told(path), os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        _put(name, path, force=force)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _put(name: str, path: Path, *, force: bool) -> None:
    """Give the finished file its name."""
    with _told(path):
        if not force:
            try:
                os.link(name, path)
            except FileExistsError as error:
                raise Refused(f"{path} is there already; choose another name, or replace it with --force") from error
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
            else:
                return
        refuse_to_replace(path, force=force)
        os.replace(name, path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PageError(f"{path} cannot be written: {error.strerror or error}; choose another place") from error
