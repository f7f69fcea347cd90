"""One tray a session: whoever has the lock is it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camguard.errors import TrayRunning


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the only tray for as long as this lasts. Raises TrayRunning where another is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "tray.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrayRunning("camguard's tray runs in this session already") from None
        yield
    finally:
        os.close(fd)
