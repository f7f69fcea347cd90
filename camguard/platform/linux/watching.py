"""One watch over all cameras: hints from the kernel, looks at /proc, and out of both the holder sets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from camguard.core.events import Blinded, CamerasSeen, FramesSeen, SightRestored
from camguard.core.model import NANOSECONDS, Camera, CameraId, Node
from camguard.errors import ProcessGone, SensorError
from camguard.platform.linux import fanotify
from camguard.platform.linux.clock import ForwardClock
from camguard.platform.linux.exits import Exits
from camguard.platform.linux.feeding import Feeds
from camguard.platform.linux.holders import MANY, Grip, HolderFinder, Scan
from camguard.platform.linux.holdings import Holdings
from camguard.platform.linux.nodewatch import FanotifyWatch, Hints, Mailbox, NodeWatch, nodes_of, remedy
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.schedule import ScanSchedule
from camguard.platform.linux.streaming import CHECKS_S, SLOW_CHECK_S, FrameWatch
from camguard.platform.linux.takers import Takers
from camguard.ports import CameraSource, Clock, Deliver

SLOW_SCAN_S = 5.0
SLOW_SCAN_COST = 50
"""While somebody holds a camera: a scan each `SLOW_SCAN_S`, or each `SLOW_SCAN_COST` times its cost if that is more."""

UNCLEAR_SCANS_S = (0.05, 0.2, 0.5, 1.0, 2.0)
"""How soon to scan again, each time after the last, while the camera is open and it cannot be seen with whom."""

FEW = 8  # processes that closed a camera are looked at at once; more of them wait for the scan

RETRIES_S = (0.1, 0.5, 2.0, 5.0)
"""When to try again to watch a node that could not be watched; the last of them from then on."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a watch sees by. `tracefs` is where frames are counted, None where they are not."""

    source: CameraSource
    clock: Clock
    reader: ProcessReader
    finder: HolderFinder
    privileged: bool
    tracefs: str | None
    feeds: Feeds


class Watching:
    """One `watch`: a single consumer that owns all state. Whatever happens sets `_stir`, and it looks at everything."""

    def __init__(self, means: Means, deliver: Deliver, stack: ExitStack) -> None:
        self._loop = asyncio.get_running_loop()
        self._means = means
        self._clock = means.clock
        self._forward = ForwardClock(means.clock)
        self._finder = means.finder
        self._deliver = deliver
        self._stack = stack
        self._stir = asyncio.Event()
        self._box = Mailbox(self._stir_from_thread)
        self._cameras: tuple[Camera, ...] | None = None
        self._holdings: dict[CameraId, Holdings] = {}
        self._owners: dict[str, Holdings] = {}
        self._unwatched: dict[str, int] = {}
        self._exits = Exits(self._scan_soon)
        self._stack.callback(self._exits.close)
        self._frames = FrameWatch(self._stir.set)
        self._stack.callback(self._frames.close)
        self._takers = Takers(self._holds, self._meet)
        self._watch = self._start_watch()
        self._stack.callback(self._watch.close)
        self._stack.callback(means.source.follow(self._changed))
        self._source_changed = False
        self._overflowed = False
        self._suspects: set[int] = set()
        self._gone: set[tuple[CameraId, int]] = set()
        self._scan: asyncio.Future[Scan] | None = None
        self._scanned: tuple[Camera, ...] | None = None
        self._schedule = ScanSchedule(self._loop.time())
        self._slow_scan_at: float | None = None
        self._unclear_scans = iter(UNCLEAR_SCANS_S)
        self._checks: Iterator[float] = iter(())
        self._check_at: float | None = None
        self._retry_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stack.callback(self._stop_timer)

    def _start_watch(self) -> NodeWatch:
        if self._means.privileged:
            if not fanotify.available():
                raise SensorError("fanotify cannot be used here: it takes root and Linux 5.15 or newer")
            return FanotifyWatch(self._means.reader, self._clock, self._box)
        from camguard.platform.linux.userwatch import UserWatch  # late: see there

        return UserWatch(self._clock, self._box)

    def rescan(self) -> None:
        """Have everything looked at again."""
        self._loop.call_soon_threadsafe(self._scan_soon)

    def stand_aside(self, for_s: float) -> None:
        """Put off the next look at known holders: it takes longer than a block, and may stand in its way."""
        if self._check_at is not None:
            self._check_at = max(self._check_at, self._loop.time() + for_s)
            self._set_timer()

    def _stir_from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._stir.set)

    def _changed(self) -> None:
        self._source_changed = True
        self._stir.set()

    def _scan_soon(self) -> None:
        self._schedule.want()
        self._stir.set()

    async def go(self) -> None:
        """Take the first look, then whatever comes, until cancelled."""
        self._refresh()
        self._settle(await self._start_scan(first=True), first=True)
        while True:
            self._stir.clear()
            self._turn()
            self._set_timer()
            await self._stir.wait()

    def _turn(self) -> None:
        self._check_watch()
        self._take_hints()
        now = self._loop.time()
        if self._source_changed or (self._retry_at is not None and now >= self._retry_at):
            self._refresh()
        if self._check_at is not None and now >= self._check_at:
            self._check_holders(now)
        if self._frames.ready:
            self._count_frames()
        if self._scan is not None and self._scan.done():
            scan, self._scan = self._scan.result(), None
            self._settle(scan)
        if self._slow_scan_at is not None and now >= self._slow_scan_at:
            self._slow_scan_at = None
            # With a mapping alone one holds the camera too, and who is looked for may have nothing more.
            self._schedule.want(mappings=any(holdings.unclear for holdings in self._holdings.values()))
        due = self._schedule.due_at(self._loop.time())
        if due is not None and self._scan is None and due <= self._loop.time():
            self._start_scan()

    def _check_watch(self) -> None:
        try:
            self._watch.check()
        except OSError as error:
            raise SensorError(f"the cameras can no longer be watched: {error}") from error

    def _set_timer(self) -> None:
        """Have it all looked at again when time alone has something to do."""
        self._stop_timer()
        scan_at = None if self._scan is not None else self._schedule.due_at(self._loop.time())
        wanted = (self._check_at, self._slow_scan_at, self._retry_at, scan_at)
        times = [time for time in wanted if time is not None]
        self._timer = self._loop.call_at(min(times), self._stir.set) if times else None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # Cameras and their nodes

    def _refresh(self) -> None:
        """Bring the watch in line with the cameras there are; a node that was made anew is watched anew."""
        self._source_changed = False
        cameras = self._means.source.cameras()
        if cameras != self._cameras:
            self._count_frames(settled=True)
            self._adopt(cameras)
            self._deliver(CamerasSeen(cameras, self._forward.now()))
        before = dict(self._unwatched)
        for node in nodes_of(cameras):
            self._try_watch(node)
        if self._unwatched:
            tries = min(self._unwatched.values()) - 1
            self._retry_at = self._loop.time() + RETRIES_S[min(tries, len(RETRIES_S) - 1)]
        else:
            self._retry_at = None
        if self._means.tracefs is not None and any(not node.pretend for node in nodes_of(cameras)):
            self._frames.open(self._means.tracefs, self._means.reader.proc)
        if not before or before.keys() != self._unwatched.keys():
            self._schedule.want(mappings=True)

    def _adopt(self, cameras: tuple[Camera, ...]) -> None:
        self._cameras = cameras
        known, self._holdings = self._holdings, {}
        for camera in cameras:
            holdings = known.get(camera.id) or Holdings(camera)
            if holdings.camera.nodes != camera.nodes:
                holdings.replaced(camera)
            holdings.camera = camera
            self._holdings[camera.id] = holdings
        owners = {node.path: holdings for holdings in self._holdings.values() for node in holdings.camera.nodes}
        for path in self._owners.keys() - owners.keys():
            self._watch.forget(path)
            self._unwatched.pop(path, None)
        self._owners = owners
        self._follow_holders()

    def _try_watch(self, node: Node) -> None:
        try:
            self._watch.watch(node)
        except OSError as error:
            tries = self._unwatched[node.path] = self._unwatched.get(node.path, 0) + 1
            if tries == 2:  # once may be the moment in which it is made anew, or not ours yet
                why = f"{node.path} cannot be watched: {remedy(error)}"
                self._deliver(Blinded(node.path, why, self._forward.now()))
            return
        if self._unwatched.pop(node.path, 0) >= 2:
            self._deliver(SightRestored(node.path, self._forward.now()))

    # Hints

    def _take_hints(self) -> None:
        closed = False
        for path, hints in self._box.take().items():
            if hints.overflow:
                self._missed("the kernel had more to tell than it could keep; everything is looked at again")
            self._source_changed |= hints.changed
            holdings = self._owners.get(path)
            if holdings is not None:
                self._take_hint(holdings, hints)
                closed |= hints.closed
        if closed or self._takers.waiting:  # all that was taken until then is in the trace, and it is known whose it is
            self._count_frames(settled=True)

    def _take_hint(self, holdings: Holdings, hints: Hints) -> None:
        """Tell what a hint says by itself; looking, which takes longer than telling, comes a moment later."""
        now = self._loop.time()
        holdings.note(hints)
        self._tell(holdings)
        if (closers := hints.closers & holdings.lately) and len(closers) <= FEW:  # do they hold it still, or again?
            self._look_at(holdings, closers, closed=True)
            self._tell(holdings)
        if hints.opened_at is not None:
            self._checks = iter(CHECKS_S)
            soon = now + next(self._checks)
            # An open never puts off a look that is due: somebody could open and close to keep us from looking.
            self._check_at = soon if self._check_at is None else min(soon, self._check_at)
        if hints.pids:
            those = {(holdings.camera.id, pid) for pid in hints.pids}
            self._gone = self._gone | those if hints.closed else self._gone - those
            self._schedule.stirred(now)
        if hints.missed or hints.unseen_open or (hints.closed and not hints.pids):
            self._schedule.want()
        elif hints.closed:
            self._schedule.want_when_quiet(now)

    def _check_holders(self, now: float) -> None:
        """Look whether known holders have mapped a buffer, or are another program by now."""
        for holdings in self._holdings.values():
            self._look_at(holdings, {pid for pid in holdings.pids if (holdings.camera.id, pid) not in self._gone})
            self._tell(holdings)
        held = any(holdings.pids for holdings in self._holdings.values())
        wait = next(self._checks, SLOW_CHECK_S if held else None)
        self._check_at = None if wait is None else now + wait

    def _look_at(self, holdings: Holdings, pids: Collection[int], *, closed: bool = False) -> None:
        """Look at single processes right away, which were heard to close it or not.

        That one holds no longer is left for a scan to say: it may have handed the camera on.
        """
        for pid in pids:
            grips = self._finder.look(pid, holdings.camera.nodes, limit=MANY)
            if closed and grips == ():
                holdings.let_go(pid)
            if grips is None or not holdings.found(pid, grips):
                self._gone.add((holdings.camera.id, pid))
                self._schedule.want_when_quiet(self._loop.time())

    # Scans

    def _start_scan(self, *, first: bool = False) -> asyncio.Future[Scan]:
        suspects = {pid for holdings in self._holdings.values() for pid in holdings.pids} | self._suspects
        nodes = nodes_of(self._cameras or ())
        unhurried, mappings = self._schedule.unhurried, self._schedule.begun()
        self._suspects = set()
        self._gone = set()
        for holdings in self._holdings.values():
            holdings.begin()
        cameras = self._cameras

        def met(grips: tuple[Grip, ...]) -> None:
            self._loop.call_soon_threadsafe(self._meet_early, cameras, grips)

        scan = partial(
            self._finder.scan, nodes, suspects, mappings=mappings, met=None if first else met, unhurried=unhurried
        )
        self._scan = self._loop.run_in_executor(None, scan)
        self._scan.add_done_callback(lambda _: self._stir.set())
        self._scanned = self._cameras
        return self._scan

    def _meet_early(self, scanned: tuple[Camera, ...] | None, grips: tuple[Grip, ...]) -> None:
        if scanned is self._cameras:
            for holdings in self._holdings.values():
                holdings.met(grips)
                self._tell(holdings)

    def _settle(self, scan: Scan, *, first: bool = False) -> None:
        self._scan = None
        cost_s = scan.cpu_ns / NANOSECONDS
        self._schedule.spend(self._loop.time(), cost_s)
        if self._scanned is not self._cameras:
            self._schedule.want(mappings=True)  # it looked for nodes that are no longer the cameras'
            return
        more = self._box.waiting() or self._schedule.wanted
        whole = [(holdings, self._completed(scan, holdings)) for holdings in self._holdings.values()]
        # Before a loss is told: who holds no longer takes no more frames, and has a right to all of its own.
        if not first:  # what the first look finds was there before us, and is told as that
            self._count_frames(settled=any(holdings.loses(each) for holdings, each in whole))
        for holdings, each in whole:
            if not holdings.settle(each, more=more):
                self._schedule.want()
            self._tell(holdings, first=first)
        held = any(holdings.pids for holdings in self._holdings.values())
        self._slow_scan_at = self._next_slow_scan(held, cost_s)
        if held and self._check_at is None:
            self._check_at = self._loop.time() + SLOW_CHECK_S
        if self._overflowed:
            self._overflowed = False
            self._deliver(SightRestored("queue", self._forward.now()))

    def _next_slow_scan(self, held: bool, cost_s: float) -> float | None:
        unclear = any(holdings.unclear for holdings in self._holdings.values())
        if not unclear:
            self._unclear_scans = iter(UNCLEAR_SCANS_S)
        if not held and not unclear:
            return None
        slow_s = max(SLOW_SCAN_S, SLOW_SCAN_COST * cost_s)
        return self._loop.time() + (next(self._unclear_scans, slow_s) if unclear else slow_s)

    def _completed(self, scan: Scan, holdings: Holdings) -> Scan:
        """The scan, and with it who was found to hold the camera after the scan had passed by."""
        nodes = holdings.camera.nodes
        seen = {grip.process.identity for grip in scan.grips if grip.node in nodes}
        missed = [grip for each in holdings.identities - seen for grip in self._look(each.pid, nodes)]
        return replace(scan, grips=scan.grips + tuple(missed))

    def _look(self, pid: int, nodes: tuple[Node, ...]) -> tuple[Grip, ...]:
        return self._finder.look(pid, nodes, careful=True) or ()

    def _tell(self, holdings: Holdings, *, first: bool = False) -> None:
        holdings.feeds(self._means.feeds.fed(holdings.camera))
        sighting = holdings.sighting(self._clock.now(), first=first)
        if sighting is not None:
            self._deliver(replace(sighting, at=self._forward.not_before(sighting.at)))
            self._follow_holders()

    def _follow_holders(self) -> None:
        self._exits.follow(frozenset().union(*(holdings.identities for holdings in self._holdings.values())))

    def _missed(self, why: str) -> None:
        """Say that something was not heard of, and look at everything again."""
        self._schedule.want(mappings=True)
        if not self._overflowed:
            self._overflowed = True
            self._deliver(Blinded("queue", why, self._forward.now()))

    # Frames

    def _count_frames(self, *, settled: bool = False) -> None:
        counts, cameras = self._frames.take(settled=settled), self._holdings.values()
        if self._frames.lost():
            self._missed("more pictures were taken than the kernel's trace could keep; everything is looked at again")
        for holdings, pid, count in self._takers.claim(counts, cameras, self._loop.time()):
            self._deliver(FramesSeen(holdings.camera.id, pid, count, self._forward.now()))
        for minor, pid in self._frames.handed_in():
            if (fed := self._takers.fed(minor, pid, cameras)) is not None:
                fed.fed_by(pid)
                self._tell(fed)

    def _holds(self, holdings: Holdings, pid: int) -> bool:
        if pid not in holdings.pids:
            self._look_at(holdings, {pid})
            self._tell(holdings)
        return pid in holdings.pids

    def _meet(self, holdings: Holdings, pid: int) -> None:
        """Take somebody for an opener of whom nothing is known but that frames went there."""
        try:
            holdings.opened_by(self._means.reader.process(pid))
        except ProcessGone:
            return
        self._suspects.add(pid)
        self._schedule.want()
        self._tell(holdings)
