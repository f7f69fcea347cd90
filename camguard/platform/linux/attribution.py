"""Between the watch and the guard: a broker's hold on a camera becomes that of its clients.

The kernel says that PipeWire has a camera open; PipeWire says for whom. So of every sighting

- a broker's place is taken by the clients that have an active link to that camera;
- a broker that keeps a camera open for nobody (it looks what the camera can do, or waits for the next client) holds
  nothing, and its open is told as one that is over when it lets go without having served anybody;
- a broker whose hold is not explained, since it cannot be asked or says nothing of this camera, is told as the holder
  that it is, `GRACE_S` after that began, or where PipeWire was not asked before as soon as that has been tried for
  `monitors.START_S`; and so is one that takes pictures for `PICTURES_S` while it says that nobody has them. Nothing is
  ever hidden for want of an explanation, or by a wrong one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from camguard.core.events import Blinded, CamerasSeen, FramesSeen, HoldersSeen, Sighting, SightRestored
from camguard.core.model import Camera, CameraId, Holder, Moment, Process, ProcessIdentity
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.monitors import Monitors
from camguard.ports import Clock, Deliver

GRACE_S = 1.0
"""How long a broker may take to say what it has a camera open for; it takes a tenth of that."""

PICTURES_S = 3.0
"""How long pictures may come for nobody: some come yet when the last client has gone."""


@dataclass(slots=True)
class _Broker:
    """A broker that has the camera open: since when that is not explained, its clients, and whether it had any."""

    holder: Holder
    unexplained_since: float | None = None
    clients: frozenset[Holder] = frozenset()
    served: bool = False
    opened: bool = False
    awaited: bool = False
    pictures: tuple[float, float] | None = None
    """From when to when it took pictures, lot by lot, while it said that nobody had them."""

    def contradicts(self) -> bool:
        """Whether that went on for too long to be the beginning or the end of a use."""
        return self.pictures is not None and self.pictures[1] - self.pictures[0] >= PICTURES_S


@dataclass(slots=True)
class _View:
    """What was seen of one camera, and what was told."""

    camera: Camera
    seen: HoldersSeen
    told: frozenset[Holder] = frozenset()
    openers: list[Process] = field(default_factory=list)
    first: bool = False
    brokers: dict[ProcessIdentity, _Broker] = field(default_factory=dict)


class Attribution:
    """Takes the sightings of a watch and hands them on. All on one event loop; `run` must run meanwhile."""

    def __init__(self, brokers: Brokers, clock: Clock, deliver: Deliver) -> None:
        self._loop = asyncio.get_running_loop()
        self._brokers = brokers
        self._clock = clock
        self._hand_on = deliver
        self._cameras: dict[CameraId, Camera] = {}
        self._views: dict[CameraId, _View] = {}
        self._blind: set[int] = set()
        self._latest: Moment | None = None
        self._monitors = Monitors(brokers.find, self._look_again)

    async def run(self) -> None:
        """Follow PipeWire wherever it has a camera open, until cancelled."""
        await self._monitors.run()

    def deliver(self, sighting: Sighting) -> None:
        """Take a sighting."""
        match sighting:
            case HoldersSeen():
                self._take(sighting)
            case FramesSeen():
                self._take_frames(sighting)
            case CamerasSeen():
                self._cameras = {camera.id: camera for camera in sighting.cameras}
                for gone in self._views.keys() - self._cameras.keys():
                    del self._views[gone]
                for id_, view in self._views.items():
                    view.camera = self._cameras[id_]
                self._send(sighting)
                self._need()
            case _:
                self._send(sighting)

    def _take(self, seen: HoldersSeen) -> None:
        view = self._views.setdefault(seen.camera, _View(self._cameras[seen.camera], seen))
        view.seen = seen
        view.first |= seen.first
        self._note_brokers(view)
        self._need()
        self._tell(view, seen.at)

    def _note_brokers(self, view: _View) -> None:
        """Sort out who of the holders and openers are brokers."""
        opened = {process.identity for process in view.seen.openers}
        now: dict[ProcessIdentity, _Broker] = {}
        for holder in view.seen.holders:
            identity = holder.process.identity
            if identity is not None and self._brokers.is_broker(holder.process):
                now[identity] = view.brokers.get(identity) or _Broker(holder)
                now[identity].holder = holder
                now[identity].opened |= identity in opened
        for identity in view.brokers.keys() - now.keys():
            gone = view.brokers[identity]
            if gone.opened and not gone.served:
                view.openers.append(gone.holder.process)
        view.openers += [process for process in view.seen.openers if process.identity not in now]
        view.brokers = now

    def _take_frames(self, seen: FramesSeen) -> None:
        """Frames that a broker took are its client's, where it has but one."""
        view = self._views.get(seen.camera)
        takers = [] if view is None else [each for each in view.brokers.values() if each.holder.process.pid == seen.pid]
        if view is None or not takers:
            # A broker's, heard of before it is known to have the camera or after: it is nobody else's, and no use.
            if not self._brokers.is_brokers(seen.pid):
                self._send(seen)
            return
        taker = takers[0]
        if not taker.clients and self._monitors.starts(_uid(taker.holder.process)) is None:
            self._doubt(taker)
        self._tell(view, seen.at)
        pids = {holder.process.pid for holder in taker.clients}
        pid = pids.pop() if len(pids) == 1 else None
        if pid is not None:
            self._send(replace(seen, pid=pid))

    def _doubt(self, broker: _Broker) -> None:
        """A broker has taken pictures that it says nobody has."""
        now = self._loop.time()
        begun, last = broker.pictures or (now, now)
        broker.pictures = (begun if now - last <= GRACE_S else now, now)

    def _look_again(self) -> None:
        """PipeWire says something else, or time has passed."""
        for view in list(self._views.values()):
            if view.brokers:
                self._tell(view, self._clock.now())

    def _tell(self, view: _View, at: Moment) -> None:
        holders = {holder for holder in view.seen.holders if holder.process.identity not in view.brokers}
        decided = True
        for broker in view.brokers.values():
            decided &= self._explain(view.camera, broker)
            holders |= broker.clients
        if view.first and not decided:
            return
        if view.first or view.openers or holders != view.told:
            told = HoldersSeen(view.camera.id, frozenset(holders), at, tuple(view.openers), view.first)
            view.told, view.openers, view.first = told.holders, [], False
            self._send(told)

    def _explain(self, camera: Camera, broker: _Broker) -> bool:
        """Find out for whom a broker has a camera; False where that may be known in a moment."""
        process = broker.holder.process
        uid = _uid(process)
        uses = self._monitors.uses(uid)
        if uses is not None and uid in self._blind:
            self._blind.discard(uid)
            self._send(SightRestored(_name(uid), self._clock.now()))
        clients = None if uses is None else self._brokers.clients(process, camera, uses)
        if clients:
            broker.pictures = None
        if clients is not None and not broker.contradicts():
            broker.unexplained_since, broker.clients = None, clients
            broker.served |= bool(clients)
            return True
        if broker.unexplained_since is None:
            broker.unexplained_since = self._loop.time()
            self._loop.call_later(GRACE_S, self._look_again)
        starts = self._monitors.starts(uid)
        if starts is not None:
            if not broker.awaited:
                broker.awaited = True
                self._loop.call_later(starts, self._look_again)
            return False
        if self._loop.time() - broker.unexplained_since < GRACE_S and not broker.contradicts():
            return False
        if uses is None and uid not in self._blind:
            self._blind.add(uid)
            self._send(Blinded(_name(uid), self._monitors.trouble(uid), self._clock.now()))
        broker.clients = frozenset({broker.holder})
        broker.served = True
        return True

    def _need(self) -> None:
        """Follow the brokers that have a camera."""
        holding = (broker for view in self._views.values() for broker in view.brokers.values())
        uids = frozenset(uid for broker in holding if (uid := broker.holder.process.uid) is not None)
        self._monitors.need(uids)
        for uid in self._blind - uids:
            self._blind.discard(uid)
            self._send(SightRestored(_name(uid), self._clock.now()))

    def _send(self, sighting: Sighting) -> None:
        """Hand on, and see that time does not run back: what the watch saw may be older than what PipeWire said."""
        if self._latest is not None and sighting.at.boottime_ns < self._latest.boottime_ns:
            sighting = replace(sighting, at=self._latest)
        self._latest = sighting.at
        self._hand_on(sighting)


def _uid(process: Process) -> int:
    return -1 if process.uid is None else process.uid


def _name(uid: int) -> str:
    return f"pipewire of user {uid}"
