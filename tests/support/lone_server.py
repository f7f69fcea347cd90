"""A server in a process of its own, with the least of a service behind it: ``python -m tests.support.lone_server``."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from camguard.core.authority import Caller
from camguard.core.records import Record
from camguard.errors import NothingMatched
from camguard.ipc.calls import Call, Entries, Uses
from camguard.ipc.limits import Limits
from camguard.ipc.server import Server

GENEROUS = Limits(
    connections=1_200,
    connections_a_user=1_100,
    connections_of_root=1_100,
    calls_a_second=1e9,
    burst=1_000_000_000,
    refusals=2_000,
)
"""So that it is the server that is measured, and not its patience."""


class Counter:
    """Answers everything with numbers, and keeps nothing."""

    def __init__(self) -> None:
        self.asked = self.told = 0

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """Everybody administers here."""
        return Caller(uid, pid, gids, admin=True)

    async def answer(self, caller: Caller, call: Call) -> Mapping[str, Any]:
        """How much was asked and refused; an `entries` of `after` 7 is passed on to the loop first."""
        self.asked += 1
        if isinstance(call, Uses):
            raise NothingMatched(f"no app named {call.target!r} holds a camera now")
        if isinstance(call, Entries):
            await asyncio.sleep(0)
        return {"asked": self.asked, "told": self.told}

    def refused(self, caller: Caller, call: str, why: str) -> None:
        """Counted."""
        self.told += 1


def record(seq: int) -> Record:
    """An event of the size that those of the guard have."""
    process: Record = {"pid": seq, "exe": "/usr/bin/cheese", "uid": 1000, "command": ["/usr/bin/cheese"] * 20}
    camera: Record = {"id": "usb:046d:0825:1", "name": "Test Webcam", "nodes": ["/dev/video0", "/dev/video1"]}
    app: Record = {"name": "Cheese", "kind": "package", "id": "cheese", "path": "/usr/bin/cheese", "sha256": "a" * 64}
    return {"schema": 1, "event": "opened", "seq": seq, "camera": camera, "app": app, "process": process}


async def serve(path: Path) -> None:
    """Serve until standard input ends.

    A line on it, ``COUNT RATE``, has so many events told at that rate a second; then it says how long that took.
    """
    server = Server(Counter(), path, GENEROUS)
    await server.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    gc.freeze()  # as the service does
    print("ready", flush=True)
    while line := await reader.readline():
        count, rate = map(int, line.split())
        began = loop.time()
        for seq in range(1, count + 1):
            await asyncio.sleep(max(0.0, began + seq / rate - loop.time()))
            server.publish(record(seq), 1000)
        print(loop.time() - began, flush=True)
    await server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
