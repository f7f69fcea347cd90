"""Holder sets in, activation life cycles out.

One table says which state follows on which signal; everything else here works out which signal a sighting
means. An activation belongs to one app on one camera: processes of the same user, executable and script count
as one app at work, so a use that a child inherits is one use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from camguard.core.events import FramesSeen, HoldersSeen
from camguard.core.model import (
    NANOSECONDS,
    Activation,
    CameraId,
    Capture,
    Ending,
    Holder,
    Moment,
    Process,
    State,
)
from camguard.core.part import Part
from camguard.core.unclaimed import Unclaimed


class Signal(StrEnum):
    """What can happen to an activation that is not over."""

    EVIDENCE = "evidence"  # a mapped buffer or a delivered frame
    DWELLED = "dwelled"  # held for longer than a look takes
    FEEDS = "feeds"  # it is the one who gives a virtual camera its pictures
    SETTLED = "settled"  # nobody holds it, and nobody came back


TRANSITIONS: Mapping[tuple[State, Signal], State] = {
    (State.OPENED, Signal.EVIDENCE): State.CAPTURING,
    (State.OPENED, Signal.DWELLED): State.CAPTURING,
    (State.OPENED, Signal.SETTLED): State.PROBE,
    (State.PRESENT, Signal.EVIDENCE): State.CAPTURING,
    (State.PRESENT, Signal.DWELLED): State.CAPTURING,
    (State.PRESENT, Signal.SETTLED): State.ENDED,
    (State.CAPTURING, Signal.SETTLED): State.ENDED,
    (State.OPENED, Signal.FEEDS): State.FEEDING,
    (State.PRESENT, Signal.FEEDS): State.FEEDING,
    (State.FEEDING, Signal.EVIDENCE): State.CAPTURING,
    (State.FEEDING, Signal.DWELLED): State.CAPTURING,
    (State.FEEDING, Signal.SETTLED): State.FED,
}
"""The whole life of an activation. What is not here cannot happen; ENDED, PROBE and FED are final."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a look may take.

    Held for `dwell_ns` in all counts as use even where nothing proves it. Nobody holding for `linger_ns` ends
    what never captured: until then a quick re-open goes on with the same activation, so that a program that
    opens the camera a thousand times a second is one activation and not a thousand.
    """

    dwell_ns: int = 5 * NANOSECONDS // 2
    linger_ns: int = NANOSECONDS


@dataclass(frozen=True, slots=True)
class Transition:
    """An activation as it stands after a step; `was` is None for a new one."""

    activation: Activation
    was: State | None


Kinship = tuple[int | None, str | None, str | None]
_Key = tuple[CameraId, Kinship]


class Activations:
    """All activations that are not over. Not for use from two threads."""

    def __init__(self, timing: Timing, next_number: int) -> None:
        self._timing = timing
        self._next_number = next_number
        self._live: dict[_Key, Activation] = {}
        self._unclaimed = Unclaimed(timing.linger_ns)

    @property
    def live(self) -> tuple[Activation, ...]:
        """What is not over, oldest first."""
        return tuple(sorted(self._live.values(), key=lambda each: each.number))

    def observe(self, seen: HoldersSeen) -> list[Transition]:
        """Bring the activations of one camera in line with who holds it now."""
        groups: dict[Kinship, set[Holder]] = {}
        for holder in seen.holders:
            groups.setdefault(self._kinship(seen.camera, holder.process), set()).add(holder)
        openers: dict[Kinship, list[Process]] = {}
        for process in seen.openers:
            openers.setdefault(self._kinship(seen.camera, process), []).append(process)
        steps: list[Transition] = []
        for kinship in _in_order(groups, openers):
            key = (seen.camera, kinship)
            steps += self._seen(key, groups.get(kinship, set()), openers.get(kinship, []), seen)
        for key, activation in list(self._live.items()):
            if key[0] == seen.camera and key[1] not in groups and activation.held_since is not None:
                steps += self._released(key, seen.at)
        for waiting in self._unclaimed.of(seen.camera):
            if self._taker(waiting) is not None:
                self._unclaimed.claimed(waiting)
                steps += self.frames(replace(waiting, at=seen.at))
        return steps

    def frames(self, seen: FramesSeen) -> list[Transition]:
        """Count frames for whoever took them; the first one proves capture. Who that is may be heard of later."""
        key = self._taker(seen)
        if key is None:
            self._unclaimed.keep(seen)
            return []
        activation = self._live[key]
        self._live[key] = replace(activation, frames=(activation.frames or 0) + seen.count)
        return self._evidence(key, Capture.FRAMES, seen.at)

    def gone(self, camera: CameraId, at: Moment, ending: Ending) -> list[Transition]:
        """The camera is gone, and with it every use of it, whoever has a dead descriptor still."""
        steps = []
        for key in [key for key in self._live if key[0] == camera]:
            self._release(key, at)
            steps.append(self._settle(key, ending))
        self._unclaimed.forget(camera)
        return steps

    def elapse(self, now: Moment) -> list[Transition]:
        """What time alone has done by `now`."""
        steps: list[Transition] = []
        for seen, process in self._unclaimed.take_due(now.boottime_ns):
            steps += self._taken_by(process, seen)
        for key, activation in list(self._live.items()):
            due = self._due_ns(activation)
            if due is None or now.boottime_ns < due:
                continue
            if activation.held_since is None:
                steps.append(self._settle(key, Ending.CLOSED))
            else:
                steps.append(self._capturing(key, Signal.DWELLED, Capture.DWELL, now))
        return steps

    def deadline_ns(self) -> int | None:
        """When `elapse` will next have something to do, on the clock of `Moment.boottime_ns`."""
        dues = [self._unclaimed.due_ns(), *map(self._due_ns, self._live.values())]
        return min((due for due in dues if due is not None), default=None)

    def _kinship(self, camera: CameraId, process: Process) -> Kinship:
        """Which app a process is at work for. One that is just ending no longer tells; then it is who it was."""
        if process.exe is None and process.identity is not None:
            for key, activation in self._live.items():
                known = {each.identity for each in (*activation.holders, activation.process)}
                if key[0] == camera and process.identity in known:
                    return key[1]
        return process.kinship

    def _due_ns(self, activation: Activation) -> int | None:
        if activation.held_since is None:
            released = activation.released_at or activation.opened_at
            return released.boottime_ns + self._timing.linger_ns
        if activation.state is State.CAPTURING or not activation.viewing:
            return None
        return activation.held_since.boottime_ns + self._timing.dwell_ns - activation.held_ns

    def _seen(self, key: _Key, holders: set[Holder], openers: list[Process], seen: HoldersSeen) -> Iterator[Transition]:
        """One app's part of a sighting; with no holders left it opened and is gone again."""
        known = self._live.get(key)
        if known is None:
            yield self._begin(key, holders, openers, seen)
        else:
            self._go_on(key, known, holders, openers, seen.at)
        if any(holder.mapped and holder.part is Part.VIEWS for holder in holders):
            yield from self._evidence(key, Capture.MAPPING, seen.at)
        elif any(holder.part is Part.FEEDS for holder in holders) and not self._live[key].viewing:
            yield from self._feeds(key)

    def _begin(self, key: _Key, holders: set[Holder], openers: list[Process], seen: HoldersSeen) -> Transition:
        processes = [holder.process for holder in holders] or openers
        first = min(processes, key=lambda process: process.age)
        state = State.PRESENT if seen.first and holders else State.OPENED
        activation = Activation(
            number=self._next_number,
            camera=seen.camera,
            state=state,
            process=first,
            holders=frozenset(holder.process for holder in holders),
            opened_at=seen.at,
            present=state is State.PRESENT,
            held_since=seen.at if holders else None,
            released_at=None if holders else seen.at,
            opens=max(1, len(openers)),
            viewing=_viewing(holders),
        )
        self._next_number += 1
        self._live[key] = activation
        return Transition(activation, None)

    def _go_on(self, key: _Key, known: Activation, holders: set[Holder], openers: list[Process], at: Moment) -> None:
        reopened = known.held_since is None and bool(holders)
        opens = len(openers) or (1 if reopened else 0)
        changed = replace(known, opens=known.opens + opens)
        if holders:
            changed = replace(
                changed,
                holders=frozenset(holder.process for holder in holders),
                held_since=known.held_since or at,
                released_at=None,
                viewing=_viewing(holders),
            )
        elif known.held_since is None:
            changed = replace(changed, released_at=at)
        self._live[key] = changed

    def _feeds(self, key: _Key) -> Iterator[Transition]:
        was = self._live[key].state
        if (was, Signal.FEEDS) in TRANSITIONS:
            self._live[key] = replace(self._live[key], state=TRANSITIONS[was, Signal.FEEDS])
            yield Transition(self._live[key], was)

    def _taken_by(self, process: Process, seen: FramesSeen) -> list[Transition]:
        """Frames whose taker is gone, and was not known to have taken any: a use that is over by now."""
        key = (seen.camera, self._kinship(seen.camera, process))
        steps = []
        if key not in self._live:
            about = HoldersSeen(seen.camera, frozenset(), seen.at)
            steps.append(self._begin(key, set(), [process], about))
        activation = self._live[key]
        self._live[key] = replace(activation, frames=(activation.frames or 0) + seen.count)
        steps += self._evidence(key, Capture.FRAMES, seen.at)
        if activation.held_since is None:
            steps.append(self._settle(key, Ending.CLOSED))
        return steps

    def _evidence(self, key: _Key, capture: Capture, at: Moment) -> list[Transition]:
        """Capture is proven; an activation that time had declared capturing now says by what."""
        activation = self._live[key]
        if activation.state is State.CAPTURING:
            if activation.capture is Capture.DWELL:
                self._live[key] = replace(activation, capture=capture)
            return []
        return [self._capturing(key, Signal.EVIDENCE, capture, at)]

    def _capturing(self, key: _Key, signal: Signal, capture: Capture, at: Moment) -> Transition:
        activation = self._live[key]
        state = TRANSITIONS[activation.state, signal]
        self._live[key] = replace(activation, state=state, capture=capture, capturing_at=at)
        return Transition(self._live[key], activation.state)

    def _released(self, key: _Key, at: Moment) -> list[Transition]:
        self._release(key, at)
        if self._live[key].state is State.OPENED:
            return []  # a look, perhaps: it may come back within the linger
        return [self._settle(key, Ending.CLOSED)]

    def _release(self, key: _Key, at: Moment) -> None:
        activation = self._live[key]
        if activation.held_since is None:
            return
        held = at.boottime_ns - activation.held_since.boottime_ns
        self._live[key] = replace(
            activation, held_since=None, released_at=at, held_ns=activation.held_ns + held, holders=frozenset()
        )

    def _settle(self, key: _Key, ending: Ending) -> Transition:
        activation = self._live.pop(key)
        state = TRANSITIONS[activation.state, Signal.SETTLED]
        over = replace(activation, state=state, ended_at=activation.released_at, ending=ending)
        self._unclaimed.over(over)
        return Transition(over, activation.state)

    def _taker(self, seen: FramesSeen) -> _Key | None:
        """Whose frames these are: the holder with that pid, else the one who opened with it and holds no longer."""
        here = [key for key in self._live if key[0] == seen.camera]
        for key in here:
            if any(process.pid == seen.pid for process in self._live[key].holders):
                return key
        return next((key for key in here if self._live[key].process.pid == seen.pid), None)


def _viewing(holders: Collection[Holder]) -> bool:
    """Whether somebody may be taking pictures; who only opened the camera and is gone may have been."""
    return not holders or any(holder.part is Part.VIEWS for holder in holders)


def _in_order(groups: Mapping[Kinship, set[Holder]], openers: Mapping[Kinship, list[Process]]) -> Iterable[Kinship]:
    """Every kinship once, oldest process first, so that numbers are given in a steady order."""

    def oldest(kinship: Kinship) -> tuple[int, int]:
        held = [holder.process for holder in groups.get(kinship, set())]
        return min(process.age for process in (*held, *openers.get(kinship, [])))

    return sorted({**groups, **openers}, key=oldest)
