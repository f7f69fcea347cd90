"""Sees who holds a pretend camera by looking through every process's open files, by psutil."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from camguard.core.events import CamerasSeen, HoldersSeen, Sighting
from camguard.core.model import Camera, CameraId, Holder, Moment, Process
from camguard.platform.simulated.processes import quick_facts
from camguard.ports import CameraSource, Clock, Deliver

POLL_S = 0.05

_Numbers = Mapping[tuple[int, int], CameraId]


@dataclass(frozen=True, slots=True)
class _Look:
    """Everything there was to see at one time: the cameras, from `begun` on, and who held them, until `at`."""

    begun: Moment
    at: Moment
    cameras: tuple[Camera, ...]
    holders: Mapping[CameraId, frozenset[Holder]]


class SimulatedSensor:
    """Implements `camguard.ports.Sensor` by polling.

    What is opened and closed again between two looks is missed, and processes that this user may not look into
    are not seen: real cameras are not watched this way.
    """

    def __init__(self, source: CameraSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._suspects: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._again = False

    def look(self) -> tuple[Sighting, ...]:
        """One look without watching."""
        return tuple(_sightings(self._look(thorough=True), None, first=True))

    async def watch(self, deliver: Deliver) -> None:
        """Watch until cancelled."""
        self._loop = asyncio.get_running_loop()
        stop = self._source.follow(self.rescan)
        before: _Look | None = None
        try:
            while True:
                thorough = self._again or before is None
                self._again = False
                self._wake.clear()
                now = await asyncio.to_thread(self._look, thorough=thorough)
                for sighting in _sightings(now, before, first=before is None):
                    deliver(sighting)
                before = now
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
        finally:
            stop()

    def rescan(self) -> None:
        """Look again soon, and at all mappings too."""
        self._again = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def stand_aside(self, for_s: float) -> None:
        """Nothing: it looks at all at once, and at regular times."""

    def _look(self, *, thorough: bool) -> _Look:
        """Look at all open files; at the mappings of all processes, or only of those that held a camera before."""
        begun = self._clock.now()
        cameras = self._source.cameras()
        numbers = {node.number: camera.id for camera in cameras for node in camera.nodes}
        paths = {node.path: camera.id for camera in cameras for node in camera.nodes}
        holders: dict[CameraId, set[Holder]] = {camera.id: set() for camera in cameras}
        suspects: set[int] = set()
        for process in psutil.process_iter() if cameras else ():
            if process.pid in {0, os.getpid()}:
                continue
            suspected = thorough or process.pid in self._suspects
            for camera, holder in _holds(process, numbers, paths, begun.boot_id, suspected=suspected):
                holders[camera].add(holder)
                suspects.add(process.pid)
        self._suspects = suspects
        held = {camera: frozenset(found) for camera, found in holders.items()}
        return _Look(begun, self._clock.now(), cameras, held)


def _holds(
    process: psutil.Process, numbers: _Numbers, paths: Mapping[str, CameraId], boot_id: str, *, suspected: bool
) -> Iterator[tuple[CameraId, Holder]]:
    try:
        opened = {camera for file in process.open_files() if (camera := numbers.get(_number(file.path))) is not None}
        mapped: set[CameraId] = set()
        if (opened or suspected) and hasattr(process, "memory_maps"):  # not on macOS
            mapped = {paths[area.path] for area in process.memory_maps() if area.path in paths}
        facts = quick_facts(process, boot_id) if opened or mapped else None
    except psutil.Error:  # gone, or not ours to look into
        return
    if facts is not None:
        for camera in opened | mapped:
            yield camera, Holder(facts, camera in mapped)


def _number(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _sightings(now: _Look, before: _Look | None, *, first: bool) -> Iterator[Sighting]:
    """What changed between two looks; everything where there was none before."""
    if before is None or now.cameras != before.cameras:
        yield CamerasSeen(now.cameras, now.begun)
    for camera, holders in now.holders.items():
        known = None if before is None else before.holders.get(camera)
        if holders != known:
            yield HoldersSeen(camera, holders, now.at, () if first else _openers(holders, known), first)


def _openers(holders: frozenset[Holder], known: frozenset[Holder] | None) -> tuple[Process, ...]:
    before = {holder.process for holder in known or ()}
    return tuple(holder.process for holder in holders if holder.process not in before)
