"""Frames that nobody is known to have taken yet: the trace of them may be heard before the open, or after the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from camguard.core.events import FramesSeen
from camguard.core.model import Activation, CameraId, Process

KEPT = 256
"""So many takers are kept in mind, of frames and of activations that are over; the oldest go first."""

_Taker = tuple[CameraId, int]


@dataclass(frozen=True, slots=True)
class _Over:
    process: Process
    captured: bool


class Unclaimed:
    """Keeps such frames until somebody turns up whose they are, or `patience_ns` is over. Not for two threads."""

    def __init__(self, patience_ns: int) -> None:
        self._patience_ns = patience_ns
        self._frames: dict[_Taker, FramesSeen] = {}
        self._over: dict[_Taker, _Over] = {}
        self._unnamed: dict[_Taker, FramesSeen] = {}

    def keep(self, seen: FramesSeen) -> None:
        """Keep frames whose taker is not known; together with those that wait already."""
        taker = (seen.camera, seen.pid)
        before = self._frames.get(taker)
        self._frames[taker] = seen if before is None else replace(before, count=before.count + seen.count)

    def of(self, camera: CameraId) -> tuple[FramesSeen, ...]:
        """Those of one camera that still wait, and those that were told of an unknown process: it may yet be named."""
        waiting = (*self._frames.values(), *self._unnamed.values())
        return tuple(seen for seen in waiting if seen.camera == camera)

    def claimed(self, seen: FramesSeen) -> None:
        """It is known now whose these are."""
        self._frames.pop((seen.camera, seen.pid), None)
        self._unnamed.pop((seen.camera, seen.pid), None)

    def over(self, activation: Activation) -> None:
        """Remember whose activation is over: frames of it may be heard of yet."""
        if activation.process.pid is not None:
            taker = (activation.camera, activation.process.pid)
            self._over.pop(taker, None)
            self._over[taker] = _Over(activation.process, activation.capture is not None)
            while len(self._over) > KEPT:
                del self._over[next(iter(self._over))]

    def forget(self, camera: CameraId) -> None:
        """The camera is gone."""
        self._frames = {taker: seen for taker, seen in self._frames.items() if taker[0] != camera}
        self._over = {taker: over for taker, over in self._over.items() if taker[0] != camera}
        self._unnamed = {taker: seen for taker, seen in self._unnamed.items() if taker[0] != camera}

    def due_ns(self) -> int | None:
        """When the first of them has waited for long enough, on the clock of `Moment.boottime_ns`."""
        first = min((seen.at.boottime_ns for seen in self._frames.values()), default=None)
        return None if first is None else first if len(self._frames) > KEPT else first + self._patience_ns

    def take_due(self, now_ns: int) -> Iterator[tuple[FramesSeen, Process]]:
        """What waited in vain, and whose it is: a process that was taken to have only looked, or an unknown one.

        Frames of a process that is known to have captured prove nothing new, and are not told.
        """
        while (due := self.due_ns()) is not None and due <= now_ns:
            taker = min(self._frames, key=lambda each: self._frames[each].at.boottime_ns)
            seen, over = self._frames.pop(taker), self._over.get(taker)
            if over is None:
                self._unnamed[taker] = seen
                while len(self._unnamed) > KEPT:
                    del self._unnamed[next(iter(self._unnamed))]
            if over is None or not over.captured:
                yield seen, Process(None) if over is None else over.process
