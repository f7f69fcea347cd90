"""The protocols between the core and the edges. Whoever implements one is chosen in `camguard.compose` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from camguard.core.belongings import Belongings, Kept
from camguard.core.context import Context, Origin
from camguard.core.details import Details
from camguard.core.events import OpenRefused, Report, Sighting
from camguard.core.gatekeeping import GateOrder
from camguard.core.model import App, AppIdentity, Camera, Moment, Outcome, Process, Rule, Step
from camguard.core.power import Plan, Power
from camguard.core.timekeeping import Reading

Deliver = Callable[[Sighting], None]
"""Takes a sighting; called on the event loop's own thread, never blocks."""

Tell = Callable[[Step], None]
"""Takes a step of an action as it is done; called from any thread."""


class Clock(Protocol):
    """Tells the time by both clocks (see `Moment`)."""

    def now(self) -> Moment:
        """This moment."""


class Timekeeper(Protocol):
    """Tells all clocks, and notices when the machine wakes or somebody sets the clock."""

    def read(self) -> Reading:
        """All clocks at this moment."""

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the running event loop when the machine woke, or the clock was set; returns what stops it.

        Never wakes the machine for it. Raises SensorError where that cannot be noticed.
        """


class CameraSource(Protocol):
    """Knows which cameras there are."""

    def cameras(self) -> tuple[Camera, ...]:
        """All cameras that are plugged in now, in a stable order. Opens no node."""

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on the running event loop whenever `cameras` may answer otherwise; returns what stops it.

        Raises SensorError where changes cannot be followed.
        """


class Sensor(Protocol):
    """Sees cameras come and go and who holds them."""

    def look(self) -> tuple[Sighting, ...]:
        """One look without watching: `CamerasSeen`, then a `HoldersSeen` for each camera. Blocking."""

    async def watch(self, deliver: Deliver) -> None:
        """Watch until cancelled.

        Delivers `CamerasSeen` first, then a first `HoldersSeen` for each camera, taken after its watch was
        installed, and from then on whatever changes. Raises SensorError where nothing can be watched.
        """

    def rescan(self) -> None:
        """Look again soon, at everything; what is found is delivered by `watch`."""

    def stand_aside(self, for_s: float) -> None:
        """Put off for so long what can wait: somebody is about to be ended. On the thread of the loop of `watch`."""


class Onlooker(Protocol):
    """Looks on while a process is identified; it is called on the thread that does it, which waits for it."""

    def secured(self) -> None:
        """All is in hand that would be lost if the process ended."""

    def known(self, app: App, details: Details) -> None:
        """It is known which app it is; `details` are those that are known by then."""


class Identifier(Protocol):
    """Finds out who a process is. Blocking: reads files, may ask the package manager."""

    def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
        """The app behind a process; of a process that is gone, what can still be said."""

    def identify_file(self, path: str) -> App:
        """The app that a file would be if it were run.

        Raises NothingMatched where there is no such file or it cannot be run, AccessDenied where it may not be read.
        """


class Surroundings(Protocol):
    """Tells in which circumstances a process uses a camera. Blocking, for a moment at most; safe in several threads."""

    def context(self, process: Process, origin: Origin) -> Context:
        """The context of a use by this process, which may be gone, whose program comes from `origin`.

        What cannot be found out is not known; that is never an error.
        """


class Control(Protocol):
    """Ends a use. Blocking."""

    def objection(self, process: Process) -> str | None:
        """Why this process must not be ended, as a sentence; None where it may be."""

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        """End one process: identity checked again, asked to stop, waited for, killed.

        `patience_s` is how long it may take after it was asked, None for the configured time. The outcome speaks of
        this process alone; who holds the camera afterwards is for the sensor to say.
        """


@dataclass(frozen=True, slots=True)
class OpenProgram:
    """A program's file, held open by `fd` until it is copied; `path` is what it is known as."""

    path: str
    fd: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a process was seen to have, and its program's files where they are to be kept."""

    belongings: Belongings
    programs: tuple[OpenProgram, ...] = ()


class Witness(Protocol):
    """Looks at what a process has before it is ended. Blocking; never raises for what the process or a disk may do."""

    def gather(self, process: Process, within_s: float) -> Gathered:
        """What the process has, as much of it as is found in that time; to be given to `keep` in any case."""

    def keep(self, gathered: Gathered) -> tuple[Kept, ...]:
        """Copy the program's files, where that is configured, and close them; the process may be gone by now."""


class PortalPermissions(Protocol):
    """What a user's desktop remembers of which apps its portal gives a camera. Blocking.

    Both raise BrokerError where that user's desktop cannot be told, or does not keep it.
    """

    def forbid(self, uid: int, app_id: str) -> None:
        """Have the portal give an app no camera; checked."""

    def forget(self, uid: int, app_id: str) -> None:
        """Have the portal ask the person again, where it gives the app no camera; checked."""


class Switch(Protocol):
    """Switches cameras off, so that they cannot deliver a picture, and on again. Blocking; one call at a time."""

    def plans(self, camera: Camera) -> tuple[Plan, ...]:
        """The ways in which this camera can be switched off here, the one that takes least with it first.

        Raises Refused, with the reason, where there is none.
        """

    def off(self, plan: Plan, tell: Tell) -> Outcome:
        """Switch off, then check: the result is OFF only where no capture node of the device is left.

        GONE where the device is not plugged in any more, FAILED with the reason otherwise; what was moved is then
        moved back.
        """

    def on(self, plan: Plan, tell: Tell) -> Outcome:
        """Undo `off`, then check: the result is ON only where a capture node is there again; else GONE or FAILED."""

    def state(self, plan: Plan) -> Power | None:
        """How the device of a plan stands now; None where it is not plugged in, or another is in its place."""

    def dormant(self) -> tuple[Plan, ...]:
        """Plans of all devices that are seen to be switched off now, whoever did it."""


class Alarm(Protocol):
    """Rings once, on the event loop that it was made on, at a moment of the clock that counts through suspend."""

    def set(self, boottime_ns: int | None) -> None:
        """Ring at this moment (`Moment.boottime_ns`) and at none that was set before; None: not at all.

        A moment that is past rings at once, though not before `set` returns; one that the machine slept through rings
        as it wakes.
        """

    def close(self) -> None:
        """Never ring again; what it held is released. A second time does no harm."""


class Gate(Protocol):
    """Refuses the open of a camera itself, by orders given beforehand. Blocking, `watch` apart; one call at a time."""

    def obstacle(self) -> str | None:
        """Why there can be no gate here, as a sentence with the remedy; None where nothing is in the way."""

    def open(self) -> None:
        """Begin to work; everything passes until the first `apply`.

        Raises Refused, with the reason, where that fails.
        """

    def apply(self, orders: Sequence[GateOrder], *, refuse_others: bool) -> tuple[GateOrder, ...]:
        """Put these orders in the place of those before, all at one moment; what no order is about is refused or not.

        Files are looked up now: call it again when an app was installed or updated. Returns the orders that cannot be
        carried out, of which the gate does as if they were not there. Raises Refused where the orders before stay.
        """

    async def watch(self, deliver: Callable[[OpenRefused], None]) -> None:
        """Deliver what is refused until cancelled. Raises SensorError where the gate is found dead."""

    def alive(self) -> bool:
        """Whether the gate is seen to work, with the orders it was given last."""

    def close(self) -> None:
        """Stop working: everything passes. Cancel `watch` first. It also ends with its process, however that ends."""


class Level(StrEnum):
    """How a finding of `doctor` stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `doctor` looked at: what it found, and what to do where that is not as it should be."""

    level: Level
    topic: str
    sentence: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """One operating system's edges, ready for the guard. `method` says in words how cameras are watched.

    `examine` looks at what this guard can and cannot see here, and tells it in the order in which a person would
    read it; blocking. `alarm` makes an alarm on the running event loop, which calls what it is given on that loop's
    thread. `at_seat` says whether a user, by uid, has the session that is active at this machine. `shipped` are
    rules that hold where the configuration does not leave them out. `timekeeper` is None where nothing but the time
    can be told. Without `witness` nothing is looked at before a process is ended. `portal` is None where there is
    no such thing.
    """

    name: str
    method: str
    clock: Clock
    sensor: Sensor
    identifier: Identifier
    control: Control
    switch: Switch
    examine: Callable[[], tuple[Finding, ...]]
    alarm: Callable[[Callable[[], None]], Alarm]
    at_seat: Callable[[int], bool]
    surroundings: Surroundings
    shipped: tuple[Rule, ...] = ()
    timekeeper: Timekeeper | None = None
    witness: Witness | None = None
    portal: PortalPermissions | None = None


class JournalWriter(Protocol):
    """Where reports are kept. Blocking."""

    @property
    def waiting(self) -> bool:
        """Whether reports wait in memory for the disk to take them again; each `append` tries."""

    def append(self, reports: Sequence[Report]) -> tuple[Report, ...]:
        """Write all of them durably, or none; returns them with `seq` filled in.

        Raises JournalWriteError where that cannot be done now.
        """

    def close(self) -> None:
        """Release the file."""


class History(Protocol):
    """What the activation log knows of an app. Blocking."""

    def times_seen(self, identity: AppIdentity) -> tuple[int, int | None]:
        """How often this app used a camera before, and when it last did (UTC nanoseconds, None for never)."""


class Rules(Protocol):
    """The rules in force. Blocking, but cheap where nothing changed."""

    def current(self) -> tuple[Rule, ...]:
        """All rules, read again where their file changed.

        Raises ConfigError where the file cannot be used; the caller keeps the rules it had.
        """

    def remove(self, rule_id: str) -> Rule | None:
        """Take a rule away; returns it, or None where there was none of that id."""
