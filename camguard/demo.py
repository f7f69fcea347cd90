"""The demonstration: the real guard, a pretend camera in a temporary folder, and a real second process that uses it.

Nothing is acted out. The guard finds the process by the same means as it would at a real camera, judges it,
records it and ends it; only the camera is a plain file.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camguard.compose import open_guard, pretend_camera, pretend_locked
from camguard.config import Backend, Config
from camguard.core.events import Kind, Report
from camguard.core.model import Activation, Outcome, Process
from camguard.ending import Order, end_use
from camguard.errors import SensorError
from camguard.guard import Guard, Listener
from camguard.ports import Tell

Decide = Callable[[Report], Awaitable[bool]]
"""Asked about an alert: whether to end the use."""

_SETTLE_S = 0.4
_PATIENCE_S = 5.0

_STRANGER = """\
import mmap, sys, time
with open(sys.argv[1], "r+b") as camera, mmap.mmap(camera.fileno(), 0):
    time.sleep(float(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the demonstration went: what the attempt to end the use came to, None where it was left alone."""

    outcome: Outcome | None
    journal_path: Path


class Demo:
    """One performance in `folder`, which is the caller's to remove; the stranger leaves after `seconds`.

    `locked`: as if the screen were.
    """

    def __init__(self, folder: Path, seconds: float, *, locked: bool = False) -> None:
        self._locked = locked
        self._stage = folder / "cameras"
        self._seconds = seconds
        self._script = folder / "stranger.py"
        self.config = Config(
            journal_path=folder / "journal.db",
            rules_path=folder / "rules.toml",
            backend=Backend.SIMULATED,
            folder=self._stage,
        )

    async def play(self, listener: Listener, decide: Decide, tell: Tell) -> Ended:
        """Perform it once: every report goes to `listener`, the alert to `decide`, each step of ending to `tell`.

        Raises SensorError where the guard did not notice the stranger, which would be a fault worth reporting.
        """
        self._stage.mkdir()
        node = pretend_camera(self._stage, "Pretend Webcam")
        if self._locked:
            pretend_locked(self._stage)
        self._script.write_text(_STRANGER, encoding="utf-8")
        guard = open_guard(self.config)
        reports: asyncio.Queue[Report] = asyncio.Queue()
        guard.listen(listener)
        guard.listen(reports.put_nowait)
        running = asyncio.create_task(guard.run())
        try:
            await _until(reports, Kind.CAMERA_ADDED, running)
            await asyncio.sleep(_SETTLE_S)  # the first look, so that the stranger comes after it
            outcome = await self._visit(node, guard, reports, running, decide, tell)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        return Ended(outcome, self.config.journal_path)

    async def _visit(
        self,
        node: Path,
        guard: Guard,
        reports: asyncio.Queue[Report],
        running: asyncio.Task[None],
        decide: Decide,
        tell: Tell,
    ) -> Outcome | None:
        arguments = (str(self._script), str(node), str(self._seconds))
        stranger = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        try:
            alert = await _until(reports, Kind.ALERT, running)
            outcome = None
            if await decide(alert):
                outcome = await _beside(running, end_use(guard.platform, guard.record, _order(alert), tell))
            await _until(reports, Kind.ENDED, running, self._seconds)
        finally:
            if stranger.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    stranger.kill()
            await stranger.wait()
        return outcome


async def _beside(running: asyncio.Task[None], work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Do something that a guard has to answer; one that fails meanwhile fails this too."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, running}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await running
    return await task


def _order(alert: Report) -> Order:
    activation = alert.activation
    if activation is None or alert.camera is None:
        raise SensorError("the alert names no use of a camera")
    return Order(
        alert.camera, _processes(activation), "the demonstration", activation, alert.app, alert.details, alert.verdict
    )


def _processes(activation: Activation) -> frozenset[Process]:
    return activation.holders or frozenset({activation.process})


async def _until(
    reports: asyncio.Queue[Report], kind: Kind, running: asyncio.Task[None], more_s: float = 0.0
) -> Report:
    """The next report of a kind. A guard that fails meanwhile fails this too."""

    async def wanted() -> Report:
        while (report := await reports.get()).kind is not kind:
            pass
        return report

    waiting = asyncio.create_task(wanted())
    await asyncio.wait({waiting, running}, timeout=_PATIENCE_S + more_s, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    if running.done():
        await running
    raise SensorError(f"the guard did not report {kind} in time; please tell us, with what `camguard doctor` says")
