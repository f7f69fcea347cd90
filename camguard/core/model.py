"""The words of camguard as frozen types.

Nothing here reads a clock, a file or a process: every value is handed in by an edge. Times are integers in
nanoseconds, so that they survive a database and a JSON document unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NewType

from camguard.core.circumstance import Circumstance
from camguard.core.confidence import Confidence, Through, weaker
from camguard.core.part import Part
from camguard.core.reasons import ReasonCode

CameraId = NewType("CameraId", str)
"""Names one physical device and stays the same when it is unplugged and plugged in again."""

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant, told by both clocks that matter.

    The wall clock says when it was for people and may jump; `boottime_ns` (CLOCK_BOOTTIME, clock_gettime(2))
    counts through suspend, never jumps, and starts anew with each `boot_id`.
    """

    utc_ns: int
    utc_offset_s: int
    boottime_ns: int
    boot_id: str

    def since(self, earlier: Moment) -> int | None:
        """Nanoseconds from `earlier` to this moment, or None where a boot lies between them."""
        if self.boot_id != earlier.boot_id:
            return None
        return self.boottime_ns - earlier.boottime_ns


class CameraKind(StrEnum):
    """What a camera is for, as far as its driver tells."""

    WEBCAM = "webcam"
    INFRARED = "infrared"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Node:
    """One way into a camera: a character device, or the plain file that a pretend camera is made of.

    `number` is (major, minor) of the device, or (st_dev, st_ino) of a pretend node. It, not the path, says
    whether an open descriptor belongs to this node.
    """

    path: str
    number: tuple[int, int]
    pretend: bool = False


@dataclass(frozen=True, slots=True)
class Camera:
    """One physical device as a person sees it, with all its capture nodes."""

    id: CameraId
    name: str
    nodes: tuple[Node, ...]
    kind: CameraKind = CameraKind.WEBCAM
    usb_id: str | None = None
    serial: str | None = None
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What a process is known by: a pid alone may be another process a moment later.

    `start_ticks` is field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot.
    """

    pid: int
    start_ticks: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Process:
    """What could be read at once about a process that has, or had, a node open.

    Without an identity it is an unknown process: it was gone, or closed to us, before it could be read. `through` says
    which broker has the node open for it.
    """

    identity: ProcessIdentity | None
    name: str = ""
    exe: str | None = None
    uid: int | None = None
    script: str | None = None
    started_utc_ns: int | None = None
    through: Through | None = None

    @property
    def known(self) -> bool:
        """Whether the process could be read at all."""
        return self.identity is not None

    @property
    def confidence(self) -> Confidence:
        """Whose word it is that this process has the camera."""
        if self.through is not None:
            return self.through.confidence
        return Confidence.KERNEL if self.known else Confidence.UNKNOWN

    @property
    def pid(self) -> int | None:
        """Its pid, None for an unknown process."""
        return None if self.identity is None else self.identity.pid

    @property
    def age(self) -> tuple[int, int]:
        """Sorts the oldest process first, unknown ones last."""
        if self.identity is None:
            return (2**63, 0)
        return (self.identity.start_ticks, self.identity.pid)

    @property
    def label(self) -> str:
        """What to call it before more is known: its script or its name, which it chose itself; empty if unknown."""
        app = None if self.through is None else self.through.app
        return app or (self.script.rpartition("/")[2] if self.script else self.name)

    @property
    def kinship(self) -> tuple[int | None, str | None, str | None]:
        """What two processes share when they are one app at work: user, executable and script, or the portal's app."""
        app = None if self.through is None else self.through.app
        return (self.uid, self.exe, self.script if app is None else app)


class Capture(StrEnum):
    """How it is known that pictures are taken, the strongest first."""

    FRAMES = "frames"  # the kernel handed over a frame (v4l2 tracepoint)
    MAPPING = "mapping"  # the process has the camera's buffers mapped
    DWELL = "dwell"  # held open longer than a look takes: inferred


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a node of a camera open, or with a camera's buffer still mapped."""

    process: Process
    mapped: bool = False
    part: Part = Part.VIEWS


class AppKind(StrEnum):
    """What an app's identity rests on."""

    PACKAGE = "package"
    SCRIPT = "script"
    EXECUTABLE = "executable"
    FLATPAK = "flatpak"
    SNAP = "snap"
    APPIMAGE = "appimage"
    CONTAINER = "container"
    PORTAL = "portal"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AppIdentity:
    """What a rule matches: never a name that the process chose for itself.

    `id` is the name of the package, Flatpak or snap, the path of the script, executable or AppImage, the container's
    64 digits, or what the portal calls the app; `path` the file that was run (the script's where there is one; none
    inside a container), `sha256` that file's content, in hexadecimal, where it could be read.
    """

    kind: AppKind
    id: str
    path: str | None = None
    sha256: str | None = None


UNKNOWN_APP = AppIdentity(AppKind.UNKNOWN, "")


@dataclass(frozen=True, slots=True)
class App:
    """What a person recognises, with the identity behind it, and whose word that identity is."""

    identity: AppIdentity
    name: str
    version: str | None = None
    confidence: Confidence = Confidence.KERNEL

    def __post_init__(self) -> None:
        """See to it that nothing but a program's own word stands for an identity that is not known."""
        if self.identity.kind is AppKind.UNKNOWN and self.confidence is not Confidence.SELF_DECLARED:
            object.__setattr__(self, "confidence", Confidence.UNKNOWN)

    def had_by(self, process: Process) -> App:
        """The same app, with the weaker of two words: that it is this app, and that this process has the camera."""
        return replace(self, confidence=weaker(self.confidence, process.confidence))

    @property
    def known(self) -> bool:
        """Whether there is anything to make a rule of."""
        return self.identity.kind is not AppKind.UNKNOWN

    @property
    def allowable(self) -> bool:
        """Whether a rule can allow it: it is known, and not only by what it says of itself."""
        return self.known and self.confidence.suffices


class State(StrEnum):
    """Where an activation stands."""

    OPENED = "opened"
    PRESENT = "present"
    CAPTURING = "capturing"
    FEEDING = "feeding"
    ENDED = "ended"
    PROBE = "probe"
    FED = "fed"

    @property
    def live(self) -> bool:
        """Whether the camera is, or may at once be again, in this app's hands."""
        return self in (State.OPENED, State.PRESENT, State.CAPTURING, State.FEEDING)

    @property
    def feeds(self) -> bool:
        """Whether the app gives, or gave, a virtual camera its pictures: no use of a camera."""
        return self in (State.FEEDING, State.FED)


class Ending(StrEnum):
    """Why an activation is over."""

    CLOSED = "closed"
    UNPLUGGED = "unplugged"
    SWITCHED_OFF = "switched-off"


@dataclass(frozen=True, slots=True)
class Activation:
    """One app's use of one camera, from the first open to the last close.

    `number` is unique in a journal and grows. `held_ns` adds up the time in which somebody held the camera;
    `frames` counts pictures delivered, None where the kernel could not be asked. `viewing` is False
    while each of its holders only feeds a virtual camera, or waits for one that nobody feeds.
    """

    number: int
    camera: CameraId
    state: State
    process: Process
    holders: frozenset[Process]
    opened_at: Moment
    present: bool = False
    capturing_at: Moment | None = None
    capture: Capture | None = None
    ended_at: Moment | None = None
    ending: Ending | None = None
    released_at: Moment | None = None
    held_since: Moment | None = None
    held_ns: int = 0
    opens: int = 1
    frames: int | None = None
    viewing: bool = True

    @property
    def id(self) -> str:
        """How people and programs name it, e.g. ``a17``."""
        return f"a{self.number}"

    @property
    def duration_ns(self) -> int | None:
        """From first open to last close, by the clock that never jumps; None while it lasts."""
        return None if self.ended_at is None else self.ended_at.since(self.opened_at)


class Effect(StrEnum):
    """What a rule does."""

    ALLOW = "allow"
    ASK = "ask"
    BLOCK = "block"


class Lasting(StrEnum):
    """For how long a rule holds."""

    ONCE = "once"
    UNTIL = "until"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly hours in local time: days 0 (Monday) to 6, minutes since midnight; `end` <= `start` runs past midnight."""

    days: frozenset[int]
    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A standing answer: app (and camera, user, hours) to allow, ask or block.

    None in a field means "any". `app` is matched by kind and id, and by path where the rule names one; where
    it bears a SHA-256, other content at the same place asks again. `turns_on`: in lock mode the camera is on in
    these hours. `by` is the user who made it for himself; None where an administrator did. What is in `even` does not
    speak against a use that it allows. `shipped` with camguard, and for cameras of this `kind`: nobody made it.
    """

    id: str
    effect: Effect
    app: AppIdentity | None = None
    camera: str | None = None
    user: str | None = None
    hours: Hours | None = None
    lasting: Lasting = Lasting.ALWAYS
    until_utc_ns: int | None = None
    app_name: str | None = None
    note: str | None = None
    turns_on: bool = False
    by: str | None = None
    even: frozenset[Circumstance] = frozenset()
    kind: CameraKind | None = None
    shipped: bool = False


class Judgement(StrEnum):
    """What the policy makes of an activation."""

    EXPECTED = "expected"
    UNEXPECTED = "unexpected"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as a code for programs and a sentence for people."""

    code: ReasonCode | Circumstance
    sentence: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one activation, with its reasons; `rule` decided it where there was one."""

    judgement: Judgement
    reasons: tuple[Reason, ...]
    rule: str | None = None

    @property
    def sentence(self) -> str:
        """All reasons in one line."""
        return "; ".join(reason.sentence for reason in self.reasons)


class Result(StrEnum):
    """What became of an action, as checked afterwards."""

    ENDED = "ended"
    OFF = "off"
    ON = "on"
    GONE = "already gone"
    REFUSED = "refused"
    STILL_HELD = "still held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done on the ladder, in words and with what it came to; `pid` where it was to a process."""

    pid: int | None
    what: str
    result: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The checked result of an action; `left` are those who hold the camera still."""

    result: Result
    steps: tuple[Step, ...] = ()
    why: str | None = None
    left: tuple[Process, ...] = ()
