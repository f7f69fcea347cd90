"""The socket that the service listens on: made, found to be somebody's, and missed."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camguard.errors import Refused, ServiceError

MODE = 0o666
"""Everybody may connect; what each may do is for `camguard.core.authority` to say."""

BACKLOG = 128
_PROBE_S = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that listens at a path; `file` is (st_dev, st_ino) of its name there."""

    socket: socket.socket
    path: Path
    file: tuple[int, int]

    @property
    def in_place(self) -> bool:
        """Whether the path still leads to it."""
        return _file_at(self.path) == self.file

    def remove(self) -> None:
        """Take its name away where it is still there."""
        if self.in_place:
            with suppress(OSError):
                os.unlink(self.path)


def listen(path: Path) -> Listening:
    """Listen at a path; what a service that is gone left there is replaced.

    The name appears when the socket is ready, in one step, so that no client ever meets half of it. Raises Refused
    where a service answers there, or where something else is in its place, ServiceError where the system does not
    let it be.
    """
    _make_way(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with suppress(FileNotFoundError):
            os.unlink(new)
        listener.bind(os.fspath(new))
        os.chmod(new, MODE)
        listener.listen(BACKLOG)
        found = os.stat(new)
        os.rename(new, path)
    except OSError as error:
        listener.close()
        with suppress(OSError):
            os.unlink(new)
        raise ServiceError(f"{path}: no socket can be made there: {error.strerror or error}") from error
    return Listening(listener, path, (found.st_dev, found.st_ino))


def _make_way(path: Path) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ServiceError(f"{path}: {error.strerror}") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise Refused(f"{path} is no socket; it was not made by camguard, and is left as it is")
    if _answers(path):
        raise Refused(f"another service listens at {path}; stop it first")


def _answers(path: Path) -> bool:
    """Whether somebody listens there. Who has no time to accept is there nevertheless."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (BlockingIOError, TimeoutError):
            return True
        except OSError as error:
            raise ServiceError(f"{path}: {error.strerror or error}") from error
        return True


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
