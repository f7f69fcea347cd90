"""A pretend camera, a configuration for it, and the whole guard at work over it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from camguard import config
from camguard.compose import open_guard
from camguard.core.events import HoldersSeen, Kind, Report, Sighting
from camguard.core.model import Node
from camguard.guard import Guard
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.sensor import LinuxSensor
from camguard.platform.simulated.cameras import SimulatedCameras, make_camera
from tests.bench.programs import Scope

PATIENCE_S = 60.0
SETTLE_S = 0.5


class Stage:
    """One pretend camera, and the files of a guard that watches it by the means of Linux."""

    def __init__(self, scope: Scope, name: str, linger: str = "1s") -> None:
        self.folder = scope.folder / name
        cameras = scope.nodes / f"{name}-cameras"
        self.folder.mkdir()
        cameras.mkdir()
        self.path = make_camera(cameras, "Bench Camera")
        self.source = SimulatedCameras(cameras)
        self.journal_path = self.folder / "journal.db"
        self.config_file = self.folder / "config.toml"
        self.config_file.write_text(
            f'[journal]\npath = "{self.journal_path}"\n'
            f'[rules]\nfile = "{self.folder}/rules.toml"\n'
            f'[detection]\nlinger = "{linger}"\n'
            f'[platform]\nbackend = "simulated"\nfolder = "{cameras}"\n'
        )

    @property
    def node(self) -> Node:
        """The pretend camera's only node."""
        return self.source.cameras()[0].nodes[0]

    def sensor(self, *, privileged: bool) -> LinuxSensor:
        """What watches the camera, as root or as a user would."""
        return LinuxSensor(self.source, LinuxClock(), privileged=privileged, tracefs=None)

    def guard(self, *, privileged: bool) -> Guard:
        """The whole guard."""
        guard = open_guard(config.read(self.config_file))
        guard.platform = replace(guard.platform, sensor=self.sensor(privileged=privileged))
        return guard


@dataclass
class Ear:
    """What was delivered, with the time (CLOCK_MONOTONIC, nanoseconds) at which it was."""

    sightings: list[tuple[int, HoldersSeen]] = field(default_factory=list)
    reports: list[tuple[int, Report]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def sighted(self, sighting: Sighting) -> None:
        """A sensor's listener."""
        at = time.monotonic_ns()
        if isinstance(sighting, HoldersSeen):
            self.sightings.append((at, sighting))
            self._news.set()

    def reported(self, report: Report) -> None:
        """A guard's listener."""
        self.reports.append((time.monotonic_ns(), report))
        self._news.set()

    async def until(self, met: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Wait until what was heard fits; False where it never does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not met():
                    self._news.clear()
                    await self._news.wait()
                return True
        return False


@asynccontextmanager
async def sensing(sensor: LinuxSensor) -> AsyncIterator[Ear]:
    """The sensor at work, after its first look."""
    ear = Ear()
    async with _alongside(asyncio.create_task(sensor.watch(ear.sighted))):
        await ear.until(lambda: bool(ear.sightings))
        await asyncio.sleep(SETTLE_S)
        yield ear


@asynccontextmanager
async def guarding(guard: Guard) -> AsyncIterator[Ear]:
    """The guard at work, after its first look."""
    ear = Ear()
    guard.listen(ear.reported)
    async with _alongside(asyncio.create_task(guard.run())):
        await ear.until(lambda: any(report.kind is Kind.CAMERA_ADDED for _, report in ear.reports))
        await asyncio.sleep(SETTLE_S)
        yield ear


@asynccontextmanager
async def _alongside(work: asyncio.Task[None]) -> AsyncIterator[None]:
    """Cancel the work in the end; where it failed meanwhile, its failure is the one that is told."""
    try:
        yield
    finally:
        failed = work.done()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        if failed:
            raise RuntimeError("what was measured ended by itself")
