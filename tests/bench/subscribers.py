"""Many subscribers in one process: ``python -m tests.bench.subscribers PATH COUNT``.

Says "ready" when all have subscribed. For each line ``EVENTS`` on its input it waits until each subscriber has had, or
was told that it missed, so many events, and says in JSON how many were missed in all and whether all came in time.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

PATIENCE_S = 30.0


class Subscriber:
    """One socket, and how many events came through it, the missed ones apart."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b'{"id":1,"call":"subscribe"}\n')
        self.had = self.missed = 0
        self._rest = b""
        lines = 0
        while lines < 2:  # the greeting and the answer
            lines += self.socket.recv(65_536).count(b"\n")
        self.socket.setblocking(False)

    def read(self) -> None:
        """Take what is there."""
        *lines, self._rest = (self._rest + self.socket.recv(262_144)).split(b"\n")
        for line in lines:
            if line.startswith(b'{"event":'):
                self.had += 1
            else:
                self.missed += json.loads(line)["resync"]["missed"]


def main() -> None:
    """See the module."""
    ready = selectors.DefaultSelector()
    subscribers = [Subscriber(sys.argv[1]) for _ in range(int(sys.argv[2]))]
    for each in subscribers:
        ready.register(each.socket, selectors.EVENT_READ, each)
    print("ready", flush=True)
    for line in sys.stdin:
        wanted = int(line)
        end = time.monotonic() + PATIENCE_S + wanted / 1_000
        lacking = set(subscribers)
        while lacking and time.monotonic() < end:
            for key, _ in ready.select(1.0):
                key.data.read()
                if key.data.had + key.data.missed >= wanted:
                    lacking.discard(key.data)
        print(json.dumps({"missed": sum(each.missed for each in subscribers), "all": not lacking}), flush=True)
        for each in subscribers:
            each.had = each.missed = 0


if __name__ == "__main__":
    main()
