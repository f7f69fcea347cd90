"""One tray a session: whoever has the lock is it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camguard.errors import AccessDenied, TrayRunning


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the only tray for as long as this lasts.

    Raises TrayRunning where another is, AccessDenied where that cannot be told.
    """
    path = folder / "tray.lock"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise AccessDenied(
            f"{path} cannot be made ({error.strerror}), by which the tray is the only one of this session; "
            "set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrayRunning("camguard's tray runs in this session already") from None
        yield
    finally:
        os.close(fd)
