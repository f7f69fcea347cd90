"""The monitors of all brokers that have a camera open now: started when one takes a camera, stopped some time after.

While no broker has a camera there is no process of ours on anybody's PipeWire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from camguard.platform.linux.brokers import Uses
from camguard.platform.linux.pipewire.monitor import Monitor
from camguard.platform.linux.pipewire.tools import Instance

LINGER_S = 10.0
"""For how long a monitor goes on when it is not needed: a camera that was just let go is often taken again."""


@dataclass(slots=True)
class _Running:
    monitor: Monitor
    task: asyncio.Task[None]
    stop: asyncio.TimerHandle | None = None


class Monitors:
    """One monitor for each user whose broker has a camera. `changed` is called whenever one knows something else."""

    def __init__(self, find: Callable[[int], Instance | None], changed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._find = find
        self._changed = changed
        self._running: dict[int, _Running] = {}
        self._failed: asyncio.Future[None] = self._loop.create_future()

    def need(self, uids: frozenset[int]) -> None:
        """Follow the brokers of these users, and soon of no others."""
        for uid in uids:
            running = self._running.get(uid)
            if running is None:
                self._start(uid)
            elif running.stop is not None:
                running.stop.cancel()
                running.stop = None
        for uid in self._running.keys() - uids:
            running = self._running[uid]
            if running.stop is None:
                running.stop = self._loop.call_later(LINGER_S, self._stop, uid)

    def uses(self, uid: int) -> Uses | None:
        """What is known of a user's broker; None where nothing is."""
        running = self._running.get(uid)
        if running is None:
            return None
        running.monitor.check()
        return running.monitor.uses

    def trouble(self, uid: int) -> str:
        """Why nothing is known, as a sentence."""
        running = self._running.get(uid)
        if running is None:
            return f"PipeWire of user {uid} has no socket where it should be, in /run/user/{uid}"
        return running.monitor.trouble or f"PipeWire of user {uid} does not say what it has the camera for"

    async def run(self) -> None:
        """Wait until one of them fails by a mistake of ours, and raise that; once this is over, none runs any more."""
        try:
            await self._failed
        finally:
            tasks = [running.task for running in self._running.values()]
            for uid in list(self._running):
                self._stop(uid)
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, uid: int) -> None:
        instance = self._find(uid)
        if instance is not None:
            monitor = Monitor(instance, self._changed)
            task = self._loop.create_task(monitor.run(), name=f"pipewire of {uid}")
            task.add_done_callback(self._ended)
            self._running[uid] = _Running(monitor, task)

    def _stop(self, uid: int) -> None:
        running = self._running.pop(uid)
        if running.stop is not None:
            running.stop.cancel()
        running.task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)
