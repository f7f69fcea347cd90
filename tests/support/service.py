"""A server that runs beside the test, and clients of it: well-behaved ones and others."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from camguard.core.authority import Caller
from camguard.core.records import Record
from camguard.errors import NothingMatched, Refused
from camguard.ipc import calls, client, protocol
from camguard.ipc.calls import Call
from camguard.ipc.client import Client
from camguard.ipc.frames import FrameReader
from camguard.ipc.limits import USUAL, Limits
from camguard.ipc.protocol import Message
from camguard.ipc.server import Server

T = TypeVar("T")

PATIENCE_S = 20.0
NOBODY, SOMEBODY = 65534, 1001
TRUSTED = frozenset({0, os.getuid()})


@dataclass
class Desk:
    """A handler that says who asked for what. `uses` of "slow" waits until the test says so; `end` is refused."""

    asked: list[tuple[Caller, Call]] = field(default_factory=list)
    told: list[tuple[Caller, str, str]] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    size: int = 0

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """Root administers here."""
        return Caller(uid, pid, gids, admin=uid == 0)

    async def answer(self, caller: Caller, call: Call) -> Mapping[str, Any]:
        """See the class."""
        self.asked.append((caller, call))
        match call:
            case calls.Uses(target="slow"):
                await self.go_on.wait()
            case calls.Uses(target="nothing"):
                raise NothingMatched('no app named "nothing" holds a camera now')
            case calls.Status():
                raise RuntimeError("a fault of the service's own")
            case calls.End():
                raise Refused("you may not")
        return {"you": caller.uid, "text": "x" * self.size}

    def refused(self, caller: Caller, call: str, why: str) -> None:
        """Remembered."""
        self.told.append((caller, call, why))


class Running:
    """A server in a thread of its own."""

    def __init__(self, path: Path, desk: Desk, limits: Limits) -> None:
        self.path = path
        self.desk = desk
        self.server = Server(desk, path, limits)
        self.faults: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.server.start())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self.server.close())
            assert self.server.connections == 0
            assert self.server.subscribers == 0
            assert not self.server._shared.work
        finally:
            self._stop()
        assert not self.faults

    @property
    def scheduled(self) -> list[asyncio.TimerHandle]:
        """What the server's loop will wake up for by itself."""
        timers: list[asyncio.TimerHandle] = self._loop._scheduled  # type: ignore[attr-defined]  # there is no other way
        return [timer for timer in timers if not timer.cancelled()]

    def run(self, work: Any) -> Any:
        """Have a coroutine run on the server's loop; what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def do(self, work: Callable[[], T]) -> T:
        """Have something done on the server's loop."""

        async def done() -> T:
            return work()

        found: T = self.run(done())
        return found

    def publish(self, *lines: Record, owner: int | None = None) -> None:
        """All of them at once, as a guard tells what it committed."""

        def told() -> None:
            for line in lines:
                self.server.publish(line, owner)

        self.do(told)

    def until(self, met: Callable[[], bool]) -> None:
        """Wait for something to be so."""
        until(lambda: self.do(met))

    def connect(self, timeout_s: float = PATIENCE_S) -> Client:
        """A well-behaved client."""
        found = client.connect(self.path, timeout_s, TRUSTED)
        assert found is not None
        return found

    def raw(self) -> Raw:
        """A client that sends what it likes."""
        return Raw(self.path)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Raw:
    """A socket, and what came through it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))  # before there is a timeout: with one it does not wait in a full row
        self.socket.settimeout(PATIENCE_S)
        self._reader = FrameReader(protocol.MAX_MESSAGE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """As it is; that the other end has hung up is no fault here."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def next(self) -> Message | None:
        """The next message; None where the server has hung up."""
        while (frame := self._reader.next_frame()) is None:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._reader.feed(data)
        return protocol.decode_message(frame)

    def rest(self) -> list[Message]:
        """Everything until the server hangs up."""
        return list(iter(self.next, None))


def until(met: Callable[[], bool]) -> None:
    """Wait for something to be so; it is a fault where it never is."""
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


@contextmanager
def as_user(uid: int, path: Path, code: str, groups: Sequence[int] = ()) -> Iterator[subprocess.Popen[str]]:
    """Python code, with a client `c` connected to `path`, that runs as another user. Everything is imported before."""
    prelude = (
        "import os, sys, socket\n"
        "from pathlib import Path\n"
        "from camguard import errors\n"
        "from camguard.ipc import calls, client, protocol\n"
        f"os.setgroups({list(groups)!r}); os.setresgid({uid}, {uid}, {uid}); os.setresuid({uid}, {uid}, {uid})\n"
        f"c = client.connect(Path({str(path)!r}))\n"
    )
    command = [sys.executable, "-c", prelude + code]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own) as process:
        try:
            yield process
        finally:
            process.kill()


def said_as_user(uid: int, path: Path, code: str, groups: Sequence[int] = ()) -> str:
    """What such code prints until it ends."""
    with as_user(uid, path, code, groups) as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        return said


@contextmanager
def serving(path: Path, limits: Limits = USUAL) -> Iterator[Running]:
    """A server with a desk behind it."""
    with Running(path, Desk(), limits) as running:
        yield running


def event(seq: int, kind: str = "guard.started", **more: Any) -> Record:
    """A record of that number."""
    return {"schema": 1, "event": kind, "seq": seq, **more}
