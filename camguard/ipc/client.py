"""A client of the service: blocking, and small enough for a command that lives for a moment."""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from camguard.errors import AccessDenied, Busy, CamguardError, ServiceError
from camguard.ipc import protocol
from camguard.ipc.calls import Call
from camguard.ipc.failures import error_of
from camguard.ipc.frames import FrameReader, FrameTooLong
from camguard.ipc.peer import peer_of
from camguard.ipc.protocol import Event, Failure, Greeting, Message, Reply, Resync

ROOT_ONLY = frozenset({0})
TIMEOUT_S = 10.0
_RECEIVE_BYTES = 64 * 1024


def connect(path: Path, timeout_s: float = TIMEOUT_S, trusted_uids: frozenset[int] = ROOT_ONLY) -> Client | None:
    """The service that listens at a path; None where none does.

    Nothing that it says is believed before the kernel has said that one of `trusted_uids` listens. Raises
    ServiceError where it is another, does not answer in time, or speaks another protocol; Busy where it takes no
    more clients; AccessDenied where this user may not connect.
    """
    connected = _connected(path, timeout_s)
    if connected is None:
        return None
    try:
        _trust(connected, path, trusted_uids)
        client = Client(connected, path, timeout_s)
        client.greet()
    except BaseException:
        connected.close()
        raise
    return client


class Client:
    """A connection to the service; a context manager. For one thread at a time."""

    def __init__(self, connected: socket.socket, path: Path, timeout_s: float) -> None:
        """Use `connect` instead: it asks who is at the other end."""
        self.path = path
        self.version = ""
        self._socket = connected
        self._timeout_s = timeout_s
        self._reader = FrameReader(protocol.MAX_MESSAGE)
        self._last_id = 0
        self._happened: deque[Event | Resync] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def hang_up(self) -> None:
        """Have whoever waits for this connection, in another thread, find it ended."""
        with suppress(OSError):  # it is ended already
            self._socket.shutdown(socket.SHUT_RDWR)

    def fileno(self) -> int:
        """The descriptor, for whoever waits for several things at once."""
        return self._socket.fileno()

    def greet(self) -> None:
        """Read the service's first line. Raises as `connect` does."""
        self._socket.settimeout(self._timeout_s)
        match self._next():
            case Greeting(camguard=version, protocol=protocol.VERSION):
                self.version = version
            case Greeting(camguard=version, protocol=other):
                raise ServiceError(
                    f"the service at {self.path} is camguard {version} and speaks protocol {other}, this one "
                    f"speaks {protocol.VERSION}; restart the service, or install the same version for both"
                )
            case Failure(error=error):
                raise error_of(error)
            case None:
                raise self._gone()
            case _:
                raise self._nonsense("no greeting")

    def call(self, request: Call, timeout_s: float | None = None) -> dict[str, Any]:
        """Ask the service for something and wait for the answer; the request's own `id` counts for nothing.

        Raises what the service raised, ServiceError where no answer came; the connection is of no more use then.
        """
        self._last_id += 1
        frame = protocol.encode_call(msgspec.structs.replace(request, id=self._last_id))
        self._socket.settimeout(self._timeout_s if timeout_s is None else timeout_s)
        self._send(frame)
        while True:
            match self._next():
                case Reply(id=self._last_id, result=result):
                    return result
                case Failure(id=self._last_id | None, error=error):
                    raise error_of(error)
                case Event() | Resync() as happened:
                    self._happened.append(happened)
                case None:
                    raise self._gone()
                case _:
                    raise self._nonsense("an answer to nothing that was asked")

    def events(self) -> Iterator[Event | Resync]:
        """What happens, after `subscribe`, as it comes; ends when the service does."""
        while True:
            while self._happened:
                yield self._happened.popleft()
            self._socket.settimeout(None)
            match self._next():
                case Event() | Resync() as happened:
                    yield happened
                case None:
                    return
                case Failure(error=error):
                    raise error_of(error)
                case _:
                    raise self._nonsense("an answer to nothing that was asked")

    def _send(self, frame: bytes) -> None:
        try:
            self._socket.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            return  # why it hung up may still be there to read
        except OSError as error:
            raise self._silent(error) from error

    def _next(self) -> Message | None:
        """The next message; None where the service has gone."""
        try:
            while (frame := self._reader.next_frame()) is None:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    return None
                self._reader.feed(data)
            return protocol.decode_message(frame)
        except ConnectionResetError:
            return None
        except OSError as error:
            raise self._silent(error) from error
        except (FrameTooLong, protocol.MalformedMessage) as error:
            raise self._nonsense(str(error)) from error

    def _silent(self, error: OSError) -> CamguardError:
        why = "did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return ServiceError(f"the service at {self.path}: {why}")

    def _gone(self) -> CamguardError:
        return ServiceError(f"the service at {self.path} went away before it answered; ask again when it is back")

    def _nonsense(self, what: str) -> CamguardError:
        return ServiceError(f"the service at {self.path} says what it must not ({what}); restart it")


def _connected(path: Path, timeout_s: float) -> socket.socket | None:
    """A socket to whoever listens, with the time that a full row of others may take; None where nobody does."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Not settimeout: with it connect(2) to a full backlog fails at once instead of waiting (unix(7), EAGAIN).
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout_s))
        connected.connect(os.fspath(path))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        connected.close()
        return None
    except OSError as error:
        connected.close()
        raise _unreachable(error, path) from error
    return connected


def _unreachable(error: OSError, path: Path) -> CamguardError:
    match error:
        case PermissionError():
            return AccessDenied(f"{path}: you may not connect to the service")
        case BlockingIOError():
            return Busy(f"{path}: the service does not take anybody in; try again later")
        case _:
            return ServiceError(f"{path}: {error.strerror or error}")


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))


def _trust(connected: socket.socket, path: Path, trusted_uids: frozenset[int]) -> None:
    try:
        uid = peer_of(connected).uid
    except OSError as error:
        raise ServiceError(f"{path}: it cannot be told who listens there: {error.strerror or error}") from error
    if uid not in trusted_uids:
        raise ServiceError(
            f"{path}: a process of user {uid} listens there, who does not run the service; nothing was asked of it; "
            "camguard --local does without it"
        )
