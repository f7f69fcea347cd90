"""A platform whose sensor a test plays by hand; processes, journal and clock are the test's to choose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from camguard.core.context import Context, Origin, SessionState
from camguard.core.details import Details
from camguard.core.events import CamerasSeen, HoldersSeen, Sighting
from camguard.core.model import App, Camera, CameraId, Holder, Moment, Outcome, Process, Result, Step
from camguard.core.power import Method, Part, Plan, Power
from camguard.core.timekeeping import Reading
from camguard.errors import Refused, SensorError
from camguard.ports import Deliver, Onlooker, Platform, Tell
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
class ScriptedTimekeeper:
    """Tells what a test says."""

    reading: Reading = field(default_factory=lambda: Reading(START, 0, "Europe/Berlin"))
    failure: SensorError | None = None
    followers: list[Callable[[], None]] = field(default_factory=list)

    def read(self) -> Reading:
        return self.reading

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        if self.failure is not None:
            raise self.failure
        self.followers.append(changed)
        return lambda: self.followers.remove(changed)


@dataclass
class ScriptedSensor:
    """Delivers what a test says, and answers `look` with whoever the test put on the camera."""

    clock: ScriptedClock
    holding: dict[CameraId, set[Holder]] = field(default_factory=dict)
    cameras: tuple[Camera, ...] = (CAMERA,)
    failure: Exception | None = None
    rescans: int = 0
    stood_aside: int = 0

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

    def stand_aside(self, for_s: float) -> None:
        self.stood_aside += 1

    def show(self, camera: CameraId = CAMERA.id, openers: tuple[Process, ...] = ()) -> None:
        """Let the guard see who holds a camera now."""
        holders = frozenset(self.holding.get(camera, ()))
        self._told.put_nowait(HoldersSeen(camera, holders, self.clock.now(), openers))

    def hold(self, *holders: Holder, camera: CameraId = CAMERA.id) -> None:
        """Put exactly these on a camera, and let the guard see it."""
        self.holding[camera] = set(holders)
        self.show(camera)

    def plug(self, *cameras: Camera) -> None:
        """Let exactly these cameras be there, and let the guard see it; those that are new are held by nobody."""
        new = [camera for camera in cameras if camera.id not in {known.id for known in self.cameras}]
        self.cameras = cameras
        self._told.put_nowait(CamerasSeen(cameras, self.clock.now()))
        for camera in new:
            self._told.put_nowait(HoldersSeen(camera.id, frozenset(), self.clock.now(), first=True))

    def fail(self, error: Exception) -> None:
        """Let the watch fail."""
        self._told.put_nowait(error)


@dataclass
class ScriptedIdentifier:
    """Knows every process by its executable's name."""

    asked: list[Process] = field(default_factory=list)

    def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
        self.asked.append(process)
        found = self.identify_file(process.exe or "unknown"), Details(user="anna")
        if onlooker is not None:
            onlooker.secured()
            onlooker.known(*found)
        return found

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


@dataclass
class ScriptedSwitch:
    """Takes cameras away from the sensor and gives them back; `stuck` is why it cannot, `calls` what was asked of it.

    Every camera is a device of its own, with two ways to switch it off, the second of which takes a microphone.
    """

    sensor: ScriptedSensor
    stuck: str | None = None
    calls: list[tuple[str, Method]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._off: dict[str, Plan] = {}

    def plans(self, camera: Camera) -> tuple[Plan, ...]:
        if self.stuck is not None:
            raise Refused(self.stuck)
        device = f"/sys/devices/{camera.id}"
        return (
            Plan((camera,), device, Method.INTERFACES, (Part(f"{device}/1-1:1.0", "uvcvideo"),)),
            Plan((camera,), device, Method.DEVICE, (Part(device, "usb"),), ("its microphone or speaker",)),
        )

    def off(self, plan: Plan, tell: Tell) -> Outcome:
        self.calls.append(("off", plan.method))
        state = self.state(plan)
        if self.stuck is not None or state is None:
            return Outcome(Result.GONE if state is None else Result.FAILED, why=self.stuck)
        if state is Power.ON:
            self._off[plan.device] = plan
            going = {camera.id for camera in plan.cameras}
            for camera in going:
                self.sensor.holding.pop(camera, None)
            self.sensor.plug(*(camera for camera in self.sensor.cameras if camera.id not in going))
        return self._told(Result.OFF, tell)

    def on(self, plan: Plan, tell: Tell) -> Outcome:
        self.calls.append(("on", plan.method))
        state = self.state(plan)
        if self.stuck is not None or state is None:
            return Outcome(Result.GONE if state is None else Result.FAILED, why=self.stuck)
        if state is Power.OFF:
            self.sensor.plug(*self.sensor.cameras, *self._off.pop(plan.device).cameras)
        return self._told(Result.ON, tell)

    def state(self, plan: Plan) -> Power | None:
        if plan.device in self._off:
            return Power.OFF
        here = {camera.id for camera in self.sensor.cameras}
        return Power.ON if any(camera.id in here for camera in plan.cameras) else None

    def dormant(self) -> tuple[Plan, ...]:
        return tuple(
            replace(plan, cameras=tuple(replace(camera, nodes=()) for camera in plan.cameras))
            for plan in self._off.values()
        )

    def unplug(self, plan: Plan) -> None:
        """Pull out a device that is switched off."""
        del self._off[plan.device]

    def _told(self, result: Result, tell: Tell) -> Outcome:
        step = Step(None, f"switched {result.value}", "done")
        tell(step)
        return Outcome(result, (step,))


@dataclass
class ScriptedAlarm:
    """Rings when a test says so; `at` is what it was set to last."""

    ring: Callable[[], None]
    at: int | None = None
    closed: bool = False

    def set(self, boottime_ns: int | None) -> None:
        assert not self.closed, "it was set after it was closed"
        self.at = boottime_ns

    def close(self) -> None:
        self.closed, self.at = True, None


NO_SESSION = SessionState()


@dataclass
class ScriptedSurroundings:
    """Says what the test says."""

    session: SessionState = NO_SESSION
    asked: list[Process] = field(default_factory=list)

    def context(self, process: Process, origin: Origin) -> Context:
        self.asked.append(process)
        return Context(self.session, origin)


@dataclass
class Stage:
    """A scripted platform with its parts at hand."""

    clock: ScriptedClock = field(default_factory=ScriptedClock)
    timekeeper: ScriptedTimekeeper | None = None

    def __post_init__(self) -> None:
        self.sensor = ScriptedSensor(self.clock)
        self.identifier = ScriptedIdentifier()
        self.control = ScriptedControl(self.sensor)
        self.switch = ScriptedSwitch(self.sensor)
        self.surroundings = ScriptedSurroundings()
        self.alarms: list[ScriptedAlarm] = []
        self.platform = Platform(
            "scripted",
            "by hand",
            self.clock,
            self.sensor,
            self.identifier,
            self.control,
            self.switch,
            lambda: (),
            self._alarm,
            lambda _: False,
            self.surroundings,
            timekeeper=self.timekeeper,
        )

    def advance(self, seconds: float) -> None:
        """Move the clock, and let every alarm ring that has come due."""
        self.clock.advance(seconds)
        for alarm in self.alarms:
            if alarm.at is not None and alarm.at <= self.clock.moment.boottime_ns:
                alarm.at = None
                alarm.ring()

    def _alarm(self, ring: Callable[[], None]) -> ScriptedAlarm:
        self.alarms.append(ScriptedAlarm(ring))
        return self.alarms[-1]
