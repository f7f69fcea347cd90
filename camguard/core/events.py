"""What comes in from the edges, and what goes out to them.

Coming in are *sightings*: whole facts as they stand, never increments. Going out are *reports*: each is one
entry of the journal and one line of ``camguard watch``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from camguard.core.context import Context
from camguard.core.details import Details
from camguard.core.model import (
    Activation,
    App,
    AppIdentity,
    Camera,
    CameraId,
    Holder,
    Moment,
    Outcome,
    Process,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class CamerasSeen:
    """All cameras that are plugged in now."""

    cameras: tuple[Camera, ...]
    at: Moment


@dataclass(frozen=True, slots=True)
class HoldersSeen:
    """Everyone who holds one camera now.

    `openers` are processes that were seen to open it since the last sighting, whether or not they hold it
    still. `first` marks the look a guard takes when it starts: who holds then was there before it.
    """

    camera: CameraId
    holders: frozenset[Holder]
    at: Moment
    openers: tuple[Process, ...] = ()
    first: bool = False


@dataclass(frozen=True, slots=True)
class FramesSeen:
    """The kernel handed `count` frames of a camera to the process `pid`."""

    camera: CameraId
    pid: int
    count: int
    at: Moment


@dataclass(frozen=True, slots=True)
class Blinded:
    """From `at` on something cannot be seen: `what` in a word, `why` in a sentence with the remedy."""

    what: str
    why: str
    at: Moment


@dataclass(frozen=True, slots=True)
class SightRestored:
    """What was reported as `Blinded` under the same word can be seen again."""

    what: str
    at: Moment


@dataclass(frozen=True, slots=True)
class OpenRefused:
    """The gate refused a process to open the node of that (major, minor) number, `count` times, the last at `at`.

    `app` is what the gate knew the program as, None where it was refused as any other is: the process may be gone by
    the time that it could be looked at. Where too many came at once for each to be told, `count` of them come without
    process and number.
    """

    process: Process
    number: tuple[int, int] | None
    count: int
    at: Moment
    app: AppIdentity | None = None


Sighting = CamerasSeen | HoldersSeen | FramesSeen | Blinded | SightRestored


class Kind(StrEnum):
    """The kinds of entry in the activation log; stable words."""

    GUARD_STARTED = "guard.started"
    GUARD_STOPPED = "guard.stopped"
    GUARD_BLIND = "guard.blind"
    GUARD_SIGHTED = "guard.sighted"
    GUARD_GAP = "guard.gap"
    MACHINE_SLEPT = "machine.slept"
    MACHINE_DOWN = "machine.down"
    MACHINE_STARTED = "machine.started"
    CLOCK_CHANGED = "clock.changed"
    ZONE_CHANGED = "zone.changed"
    CAMERA_ADDED = "camera.added"
    CAMERA_REMOVED = "camera.removed"
    OPENED = "opened"
    PRESENT = "present"
    CAPTURING = "capturing"
    ENDED = "ended"
    PROBE = "probe"
    FEEDING = "feeding"
    FED = "fed"
    JUDGED = "judged"
    ALERT = "alert"
    DECIDED = "decided"
    RULE_ADDED = "rule.added"
    RULE_REMOVED = "rule.removed"
    PRESERVED = "preserved"
    KEPT = "kept"
    ACTION_PENDING = "action.pending"
    ACTION_COMPLETED = "action.completed"
    ACTION_UNFINISHED = "action.unfinished"
    POWER_SAID = "power.said"
    PASS_ENDING = "pass.ending"
    PASS_ENDED = "pass.ended"
    CALL_REFUSED = "call.refused"
    CONFIG_KEPT = "config.kept"
    CONFIG_READ = "config.read"
    GATE_CLOSED = "gate.closed"
    GATE_OPEN = "gate.open"
    OPEN_REFUSED = "open.refused"
    JOURNAL_SET_ASIDE = "journal.set-aside"
    JOURNAL_INTERRUPTED = "journal.interrupted"
    JOURNAL_CHECKED = "journal.checked"
    JOURNAL_BROKEN = "journal.broken"
    JOURNAL_CUT = "journal.cut"


LIFE = frozenset({Kind.OPENED, Kind.PRESENT, Kind.CAPTURING, Kind.ENDED, Kind.PROBE, Kind.FEEDING, Kind.FED})
"""What the life of an activation is made of."""


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that happened, whole in itself: the journal keeps it, listeners are told.

    `process` says who, where there is no activation that does. `extra` holds what only this kind has,
    JSON-ready. `seq` is the entry's number in the journal, None where the journal could not be written yet.
    """

    kind: Kind
    at: Moment
    camera: Camera | None = None
    activation: Activation | None = None
    process: Process | None = None
    app: App | None = None
    details: Details | None = None
    verdict: Verdict | None = None
    outcome: Outcome | None = None
    extra: dict[str, Any] | None = None
    seq: int | None = None
    context: Context | None = None
