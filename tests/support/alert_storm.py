"""A server that tells of as many alerts a second as one likes: ``python -m tests.support.alert_storm SOCKET``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from camguard.core.authority import Caller
from camguard.core.records import Record
from camguard.ipc.calls import Call, Log, Status
from camguard.ipc.server import Server
from tests.support.commands import ENVIRONMENT
from tests.support.lone_server import GENEROUS

CAMERA: Record = {
    "id": "usb:1",
    "name": "Test Webcam",
    "kind": "webcam",
    "usb_id": None,
    "serial": None,
    "nodes": ["/dev/video0"],
    "power": "on",
}


class Storm:
    """Answers what a tray asks: all the uses that were told of go on."""

    def __init__(self) -> None:
        self.told = 0

    def caller(self, uid: int, pid: int, gids: frozenset[int]) -> Caller:
        """Everybody administers here."""
        return Caller(uid, pid, gids, admin=True)

    async def answer(self, caller: Caller, call: Call) -> Mapping[str, Any]:
        """How things stand, as far as a tray asks."""
        if isinstance(call, Status):
            uses = [{**alert(number), "for_s": 1.0} for number in range(1, self.told + 1)[-20:]]
            return {"method": "told", "guard_pid": 1, "trouble": None, "cameras": [CAMERA], "uses": uses}
        if isinstance(call, Log):
            return {"activations": [], "more": False}
        return {"method": "told", "cameras": [CAMERA]}

    def refused(self, caller: Caller, call: str, why: str) -> None:
        """Nothing is refused here."""


def alert(number: int) -> Record:
    """An alert about an app of its own."""
    process: Record = {"known": True, "pid": number, "exe": "/usr/bin/cheese", "uid": 0, "user": "root"}
    return {
        "schema": 1,
        "event": "alert",
        "seq": number,
        "at": "2026-01-01T00:00:00.000000+00:00",
        "activation": f"a{number}",
        "camera": CAMERA,
        "app": {"name": f"cheese {number}", "kind": "package", "id": "cheese"},
        "process": process,
        "verdict": "unexpected",
        "reasons": [{"code": "first-use", "sentence": "first use by this app"}],
        "opened_at": "2026-01-01T00:00:00.000000+00:00",
        "capture": "mapping",
    }


async def serve(path: Path) -> None:
    """Serve until standard input ends; a line on it, ``COUNT RATE``, has so many alerts told at that rate a second."""
    storm = Storm()
    server = Server(storm, path, GENEROUS)
    await server.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while line := await reader.readline():
        count, rate = map(int, line.split())
        began = loop.time()
        for _ in range(count):
            storm.told += 1
            await asyncio.sleep(max(0.0, began + storm.told / rate - loop.time()))
            server.publish(alert(storm.told), 0)
        print("told", flush=True)
    await server.close()


@contextmanager
def alerts_told(path: Path) -> Iterator[Callable[[int, int], None]]:
    """The server in a process of its own; call what you get with a number and a rate, and all of it was told."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.alert_storm", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        source, said = process.stdin, process.stdout
        assert said.readline() == "ready\n"

        def tell(count: int, rate: int) -> None:
            source.write(f"{count} {rate}\n")
            source.flush()
            assert said.readline() == "told\n"

        try:
            yield tell
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
