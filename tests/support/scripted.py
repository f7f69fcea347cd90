"""A platform whose sensor a test plays by hand; processes, journal and clock are the test's to choose."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from camguard.core.events import CamerasSeen, HoldersSeen, Sighting
from camguard.core.model import App, Camera, CameraId, Details, Holder, Moment, Outcome, Process, Result, Step
from camguard.ports import Deliver, Finding, Platform, Tell
from tests.support.core_data import CAMERA, START, app, later


@dataclass
class ScriptedClock:
    """Stands still until a test moves it."""

    moment: Moment = START

    def now(self) -> Moment:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment = later(seconds, self.moment)


@dataclass
class ScriptedSensor:
    """Delivers what a test says, and answers `look` with whoever the test put on the camera."""

    clock: ScriptedClock
    holding: dict[CameraId, set[Holder]] = field(default_factory=dict)
    cameras: tuple[Camera, ...] = (CAMERA,)
    failure: Exception | None = None
    rescans: int = 0

    def __post_init__(self) -> None:
        self._told: asyncio.Queue[Sighting | Exception] = asyncio.Queue()

    def look(self) -> tuple[Sighting, ...]:
        now = self.clock.now()
        holders = [
            HoldersSeen(camera.id, frozenset(self.holding.get(camera.id, ())), now, first=True)
            for camera in self.cameras
        ]
        return (CamerasSeen(self.cameras, now), *holders)

    async def watch(self, deliver: Deliver) -> None:
        for sighting in self.look():
            deliver(sighting)
        while True:
            told = await self._told.get()
            if isinstance(told, Exception):
                raise told
            deliver(told)

    def rescan(self) -> None:
        self.rescans += 1
        for camera in self.cameras:
            self.show(camera.id)

    def show(self, camera: CameraId = CAMERA.id, openers: tuple[Process, ...] = ()) -> None:
        """Let the guard see who holds a camera now."""
        holders = frozenset(self.holding.get(camera, ()))
        self._told.put_nowait(HoldersSeen(camera, holders, self.clock.now(), openers))

    def hold(self, *holders: Holder, camera: CameraId = CAMERA.id) -> None:
        """Put exactly these on a camera, and let the guard see it."""
        self.holding[camera] = set(holders)
        self.show(camera)

    def fail(self, error: Exception) -> None:
        """Let the watch fail."""
        self._told.put_nowait(error)


@dataclass
class ScriptedIdentifier:
    """Knows every process by its executable's name."""

    asked: list[Process] = field(default_factory=list)

    def identify(self, process: Process) -> tuple[App, Details]:
        self.asked.append(process)
        return self.identify_file(process.exe or "unknown"), Details(user="anna")

    def identify_file(self, path: str) -> App:
        return app(path.rpartition("/")[2])


@dataclass
class ScriptedControl:
    """Ends processes by taking them off the cameras, except those in `stubborn`."""

    sensor: ScriptedSensor
    stubborn: set[int] = field(default_factory=set)
    leaves: dict[int, Holder] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)

    def objection(self, process: Process) -> str | None:
        return None

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        pid = process.identity.pid if process.identity else 0
        self.ended.append(pid)
        if pid in self.stubborn:
            return Outcome(Result.REFUSED, why="it is part of the session")
        step = Step(pid, "asked to stop", "gone")
        tell(step)
        for holders in self.sensor.holding.values():
            holders -= {holder for holder in holders if holder.process == process}
            if pid in self.leaves:
                holders.add(self.leaves.pop(pid))
        return Outcome(Result.ENDED, (step,))


class NoFindings:
    """A doctor who finds nothing."""

    def examine(self) -> tuple[Finding, ...]:
        return ()


@dataclass
class Stage:
    """A scripted platform with its parts at hand."""

    clock: ScriptedClock = field(default_factory=ScriptedClock)

    def __post_init__(self) -> None:
        self.sensor = ScriptedSensor(self.clock)
        self.identifier = ScriptedIdentifier()
        self.control = ScriptedControl(self.sensor)
        self.platform = Platform(
            "scripted", "by hand", self.clock, self.sensor, self.identifier, self.control, NoFindings()
        )
