"""Sightings in, reports and wishes out: everything the guard decides, without doing any of it.

A *case* is an activation with what has been found out and decided about it. A *wish* is something that the
guard is to carry out and whose result comes back as another call.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from camguard.core.activations import Activations, Timing, Transition
from camguard.core.context import AS_USUAL, NOT_KNOWN, Context, ContextPolicy, against
from camguard.core.details import Details
from camguard.core.events import (
    Blinded,
    CamerasSeen,
    FramesSeen,
    HoldersSeen,
    Kind,
    Report,
    Sighting,
    SightRestored,
)
from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    Activation,
    App,
    Camera,
    CameraId,
    Ending,
    Judgement,
    Moment,
    Process,
    ProcessIdentity,
    Rule,
    State,
    Verdict,
)
from camguard.core.policy import Circumstances, alerts, judge, judge_at_once, may_block, of_feeding, spent

IDENTIFY_PATIENCE_NS = NANOSECONDS
"""How long an alert waits for the app to be identified before it is raised without."""

_KIND_OF_STATE = {
    State.OPENED: Kind.OPENED,
    State.PRESENT: Kind.PRESENT,
    State.CAPTURING: Kind.CAPTURING,
    State.ENDED: Kind.ENDED,
    State.PROBE: Kind.PROBE,
    State.FEEDING: Kind.FEEDING,
    State.FED: Kind.FED,
}

_JUDGED_ANEW = frozenset({State.CAPTURING, State.FEEDING})
"""Coming to these changes what a verdict is about."""


@dataclass(frozen=True, slots=True)
class Identify:
    """Find out who this is, and call `Casebook.identified`. `urgent`: it may be somebody who is to be ended."""

    number: int
    process: Process
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Enforce:
    """Carry out a block: end this use."""

    number: int


@dataclass(frozen=True, slots=True)
class Spend:
    """Remove a rule that was made for one use only: this was it."""

    rule: str


Wish = Identify | Enforce | Spend


@dataclass(frozen=True, slots=True)
class Identity:
    """What `Identify` brought: the app, what the log knows of its earlier uses, and in which context it is used."""

    app: App
    details: Details
    times_seen: int = 0
    last_seen_utc_ns: int | None = None
    context: Context = NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Case:
    """An activation and what is known and decided about it.

    `alerted` once a person was told; `enforced` are the processes that a block was carried out on.
    """

    activation: Activation
    camera: Camera
    identity: Identity | None = None
    verdict: Verdict | None = None
    alerted: bool = False
    enforced: frozenset[ProcessIdentity | None] = frozenset()

    @property
    def targets(self) -> frozenset[Process]:
        """Who has to end for the use to end: who holds the camera, else who opened it."""
        return self.activation.holders or frozenset({self.activation.process})

    @property
    def over(self) -> bool:
        """Whether nothing more can come of it."""
        return not self.activation.state.live and self.identity is not None


@dataclass(slots=True)
class Digest:
    """What one event came to: reports in the order in which they happened, then wishes."""

    reports: list[Report] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)

    def add(self, other: Digest) -> None:
        """Append what another event came to."""
        self.reports += other.reports
        self.wishes += other.wishes


class Casebook:
    """All cases that are not over, and the cameras they are about. Not for use from two threads.

    `minding` says what of a use's context speaks against it, from the next verdict on.
    """

    def __init__(self, timing: Timing, next_number: int, minding: ContextPolicy = AS_USUAL) -> None:
        self.minding = minding
        self._activations = Activations(timing, next_number)
        self._cameras: dict[CameraId, Camera] = {}
        self._cases: dict[int, Case] = {}
        self._inventory_taken = False
        self._switched: frozenset[CameraId] = frozenset()
        self._blind: dict[str, str] = {}

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras that are plugged in."""
        return tuple(self._cameras.values())

    @property
    def blind(self) -> dict[str, str]:
        """What cannot be seen now, and of each why."""
        return dict(self._blind)

    @property
    def live(self) -> tuple[Case, ...]:
        """The cases whose activation is not over, oldest first."""
        return tuple(case for case in self._cases.values() if case.activation.state.live)

    @property
    def in_use(self) -> frozenset[CameraId]:
        """The cameras that somebody takes pictures with, or holds without that being known yet."""
        return frozenset(case.camera.id for case in self.live if case.activation.held_since is not None)

    def switched(self, cameras: Collection[CameraId]) -> None:
        """Take in which cameras are switched off, or about to be: one of them that goes is not unplugged."""
        self._switched = frozenset(cameras)

    def case(self, number: int) -> Case | None:
        """The case of an activation, None where it is over and settled."""
        return self._cases.get(number)

    def take(self, sighting: Sighting, rules: Sequence[Rule]) -> Digest:
        """Whatever a sighting changes."""
        match sighting:
            case CamerasSeen():
                return self._take_cameras(sighting, rules)
            case HoldersSeen():
                if sighting.camera not in self._cameras:
                    return Digest()  # seen in the very moment in which the camera was unplugged
                return self._follow(self._activations.observe(sighting), sighting.at, rules)
            case FramesSeen():
                return self._follow(self._activations.frames(sighting), sighting.at, rules)
            case Blinded(what, why, at):
                self._blind[what] = why
                return Digest([Report(Kind.GUARD_BLIND, at, extra={"what": what, "why": why})])
            case SightRestored(what, at):
                self._blind.pop(what, None)
                return Digest([Report(Kind.GUARD_SIGHTED, at, extra={"what": what})])

    def identified(self, number: int, identity: Identity, at: Moment, rules: Sequence[Rule]) -> Digest:
        """Take in who is behind an activation, and judge it."""
        case = self._cases.get(number)
        if case is None:
            return Digest()
        self._cases[number] = replace(case, identity=identity)
        digest = self._judge(number, at, rules)
        if case.verdict is not None and case.verdict == self._cases[number].verdict:
            # Blocked before it was known who it is: now that it is, the log has to say so.
            digest.reports.insert(0, _report(Kind.JUDGED, at, self._cases[number]))
        self._forget_if_over(number)
        return digest

    def elapse(self, now: Moment, rules: Sequence[Rule]) -> Digest:
        """What time alone has done by `now`."""
        digest = self._follow(self._activations.elapse(now), now, rules)
        for number, case in list(self._cases.items()):
            if self._patience_over(case, now):
                digest.add(self._judge(number, now, rules))
        return digest

    def deadline_ns(self) -> int | None:
        """When `elapse` will next have something to do, on the clock of `Moment.boottime_ns`."""
        dues = [self._activations.deadline_ns(), *map(self._overdue_ns, self._cases.values())]
        return min((due for due in dues if due is not None), default=None)

    def _take_cameras(self, seen: CamerasSeen, rules: Sequence[Rule]) -> Digest:
        now = {camera.id: camera for camera in seen.cameras}
        digest = Digest()
        for gone in [camera for camera in self.cameras if camera.id not in now]:
            off = gone.id in self._switched
            ending = Ending.SWITCHED_OFF if off else Ending.UNPLUGGED
            digest.add(self._follow(self._activations.gone(gone.id, seen.at, ending), seen.at, rules))
            about = {"why": ending.value} if off else None
            digest.reports.append(Report(Kind.CAMERA_REMOVED, seen.at, camera=gone, extra=about))
            for node in gone.nodes:
                if self._blind.pop(node.path, None) is not None:  # there is nothing there that could not be seen
                    digest.reports.append(Report(Kind.GUARD_SIGHTED, seen.at, extra={"what": node.path}))
        for new in [camera for camera in seen.cameras if camera.id not in self._cameras]:
            extra = None if self._inventory_taken else {"present": True}
            digest.reports.append(Report(Kind.CAMERA_ADDED, seen.at, camera=new, extra=extra))
        self._cameras = now
        self._inventory_taken = True
        return digest

    def _follow(self, steps: Sequence[Transition], at: Moment, rules: Sequence[Rule]) -> Digest:
        """Report each step, then whatever it leads to; frame counts and holders of the others are kept current."""
        digest = Digest()
        for activation in self._activations.live:
            if activation.number in self._cases:
                self._update(activation)
                digest.wishes += self._enforce(activation.number)
        for step in steps:
            digest.add(self._step(step, at, rules))
        return digest

    def _step(self, step: Transition, at: Moment, rules: Sequence[Rule]) -> Digest:
        activation = step.activation
        digest = Digest()
        if step.was is None:
            self._cases[activation.number] = Case(activation, self._cameras[activation.camera])
        case = self._update(activation)
        happened = activation.ended_at or at
        digest.reports.append(_report(_KIND_OF_STATE[activation.state], happened, case))
        if step.was is None:
            block = self._block_at_once(case, at, rules)
            urgent = not block.wishes and may_block(activation.process, case.camera, at, rules)
            digest.wishes.append(Identify(activation.number, activation.process, urgent))
            digest.add(block)
        if activation.state in _JUDGED_ANEW and case.identity is not None:
            digest.add(self._judge(activation.number, at, rules))
        self._forget_if_over(activation.number)
        return digest

    def _block_at_once(self, case: Case, at: Moment, rules: Sequence[Rule]) -> Digest:
        """Carry out a block that is sure before it is found out what else there is to know."""
        number, process = case.activation.number, case.activation.process
        verdict = judge_at_once(process, case.camera, at, rules)
        if verdict is None:
            return Digest()
        case = self._cases[number] = replace(case, verdict=verdict, alerted=True)
        return Digest([_report(Kind.JUDGED, at, case), _report(Kind.ALERT, at, case)], self._enforce(number))

    def _enforce(self, number: int) -> list[Wish]:
        """A block is for each process that comes: the same app may be back before its last use is called over."""
        case = self._cases[number]
        blocked = case.verdict is not None and case.verdict.judgement is Judgement.BLOCKED
        if not blocked or not case.activation.state.live:
            return []
        new = {process.identity for process in case.targets} - case.enforced
        if not new:
            return []
        self._cases[number] = replace(case, enforced=case.enforced | new)
        return [Enforce(number)]

    def _judge(self, number: int, at: Moment, rules: Sequence[Rule]) -> Digest:
        """Reach a verdict on what is known; report it where it is new, alert where a person must hear of it."""
        case = self._cases[number]
        verdict = _standing_block(case) or judge(_circumstances(case, at, self.minding), rules)
        if case.activation.state.feeds:
            verdict = of_feeding(verdict)
        digest = Digest()
        if verdict != case.verdict:
            case = self._cases[number] = replace(case, verdict=verdict)
            digest.reports.append(_report(Kind.JUDGED, at, case))
        if not case.alerted and alerts(case.activation, verdict):
            case = self._cases[number] = replace(case, alerted=True)
            digest.reports.append(_report(Kind.ALERT, at, case))
        digest.wishes += self._enforce(number)
        digest.wishes += [Spend(rule.id) for rule in rules if rule.id == verdict.rule and spent(rule, case.activation)]
        return digest

    def _update(self, activation: Activation) -> Case:
        case = self._cases[activation.number] = replace(self._cases[activation.number], activation=activation)
        return case

    def _forget_if_over(self, number: int) -> None:
        if self._cases[number].over:
            del self._cases[number]

    def _overdue_ns(self, case: Case) -> int | None:
        """When an unidentified capture must be judged as it is."""
        activation = case.activation
        if case.verdict is not None or activation.capturing_at is None or not activation.state.live:
            return None
        return activation.capturing_at.boottime_ns + IDENTIFY_PATIENCE_NS

    def _patience_over(self, case: Case, now: Moment) -> bool:
        due = self._overdue_ns(case)
        return due is not None and now.boottime_ns >= due


def would_block(case: Case, identity: Identity, at: Moment, rules: Sequence[Rule]) -> bool:
    """Whether a use is blocked if that is who it is, whatever `identity` says of earlier uses and of its context."""
    verdict = judge(_circumstances(replace(case, identity=identity), at, AS_USUAL), rules)
    return verdict.judgement is Judgement.BLOCKED


def _standing_block(case: Case) -> Verdict | None:
    """The block that was carried out at once on a program that was gone before more could be found out about it."""
    blocked = case.verdict is not None and case.verdict.judgement is Judgement.BLOCKED
    known = case.identity is not None and case.identity.app.known
    return case.verdict if blocked and not known else None


def _circumstances(case: Case, at: Moment, minding: ContextPolicy) -> Circumstances:
    identity = case.identity or Identity(App(UNKNOWN_APP, case.activation.process.name), Details())
    return Circumstances(
        app=identity.app,
        camera=case.camera,
        at=at,
        user=identity.details.user,
        uid=case.activation.process.uid,
        times_seen=identity.times_seen,
        last_seen_utc_ns=identity.last_seen_utc_ns,
        against=against(identity.context, at, minding),
    )


def _report(kind: Kind, at: Moment, case: Case) -> Report:
    return Report(
        kind,
        at,
        camera=case.camera,
        activation=case.activation,
        app=None if case.identity is None else case.identity.app,
        details=None if case.identity is None else case.identity.details,
        verdict=case.verdict,
        context=None if case.identity is None else case.identity.context,
    )
