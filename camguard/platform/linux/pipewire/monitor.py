"""Follows one PipeWire instance: ``pw-dump --monitor``, started again whenever it ends.

It costs a process, so it runs only while it is needed: see `camguard.platform.linux.monitors`. Nothing is
polled: the event loop waits for what pw-dump writes.
"""

from __future__ import annotations

import asyncio
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from camguard.errors import BrokerError
from camguard.platform.linux.asuser import Launch
from camguard.platform.linux.pipewire.documents import Decoder, End
from camguard.platform.linux.pipewire.graph import CameraUse, Graph
from camguard.platform.linux.pipewire.tools import CHUNK, Instance, cannot_run

RETRIES_S = (0.05, 0.2, 1.0, 5.0)
"""How long to wait before pw-dump is started again, each time after the last; the last of them from then on."""

STEADY_S = 10.0
"""After having gone on for so long it begins with the first of `RETRIES_S` again."""

MOST_A_SECOND = 4 << 20
"""Bytes that are taken in a second: more than the whole state of a large desktop. A client that never stops changing
something makes pw-dump wait, and not the guard work without end."""


class Monitor:
    """Knows the camera uses of one instance while `run` runs.

    `changed` is called on the event loop whenever `uses` or `trouble` have changed.
    """

    def __init__(self, instance: Instance, changed: Callable[[], None]) -> None:
        self.instance = instance
        self.uses: tuple[CameraUse, ...] | None = None
        """Who uses which camera now; None while that is not known."""
        self.trouble: str | None = None
        """Why it is not known, as a sentence; None while it is, or nothing has gone wrong yet."""
        self._changed = changed
        self._started: tuple[Launch, Process] | None = None

    def check(self) -> None:
        """End pw-dump where it was stopped, as any program of its user can do, so that it is started anew."""
        if self._started is not None and self._started[0].stopped(self._started[1].pid):
            _kill(*self._started)

    async def run(self) -> None:
        """Follow until cancelled; pw-dump is gone when this returns."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            begun = loop.time()
            try:
                async with self._running() as output:
                    await self._follow(output)
                trouble = f"PipeWire of user {self.instance.uid} is gone, or tells nothing any more"
            except BrokerError as error:
                trouble = str(error)
            self._know(None, trouble)
            tries = 0 if loop.time() - begun > STEADY_S else tries
            await asyncio.sleep(RETRIES_S[min(tries, len(RETRIES_S) - 1)])
            tries += 1

    async def _follow(self, output: asyncio.StreamReader) -> None:
        graph, decoder = Graph(), Decoder()
        loop = asyncio.get_running_loop()
        until, left = loop.time() + 1.0, MOST_A_SECOND
        while chunk := await output.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                await asyncio.sleep(until - loop.time())
            if loop.time() >= until:
                until, left = loop.time() + 1.0, MOST_A_SECOND
            for item in decoder.feed(chunk):
                if isinstance(item, End):
                    self._know(graph.uses(), None)
                else:
                    graph.apply(item)

    def _know(self, uses: tuple[CameraUse, ...] | None, trouble: str | None) -> None:
        if (uses, trouble) != (self.uses, self.trouble):
            self.uses, self.trouble = uses, trouble
            self._changed()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[asyncio.StreamReader]:
        start = self.instance.launch("pw-dump", "--monitor")
        try:
            process = await asyncio.create_subprocess_exec(
                *start.command, **start.options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, limit=CHUNK
            )
        except OSError as error:
            raise cannot_run(error) from error
        output = process.stdout
        if output is None:
            raise AssertionError("unreachable: a pipe was asked for")
        self._started = (start, process)
        try:
            yield output
        finally:
            self._started = None
            _kill(start, process)
            await process.wait()


def _kill(start: Launch, process: Process) -> None:
    start.end()
    with suppress(ProcessLookupError):
        process.kill()
