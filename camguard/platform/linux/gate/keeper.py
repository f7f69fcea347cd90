"""The gate as the guard sees it: orders in, refusals out."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import replace

from camguard.core.events import OpenRefused
from camguard.core.gatekeeping import GateOrder
from camguard.core.model import NANOSECONDS, AppIdentity, Moment, Process, ProcessIdentity
from camguard.errors import ProcessGone, Refused, SensorError
from camguard.platform.linux.gate import obstacle, wire
from camguard.platform.linux.gate.loader import Loaded
from camguard.platform.linux.gate.programs import ProgramFinder, hopeless
from camguard.platform.linux.gate.table import Table, build
from camguard.platform.linux.hashing import Hasher
from camguard.platform.linux.packages import Packages
from camguard.platform.linux.procfs import CLOCK_TICKS, ProcessReader
from camguard.platform.linux.protected import is_systems_own
from camguard.ports import Clock

_PAUSE_S = 0.1  # between two deliveries: whoever is refused may try again a million times a second
_CHECK_S = 30.0
_LOOKS = ("/usr/lib/udev/v4l_id", "/lib/udev/v4l_id")


class LinuxGate:
    """Implements `camguard.ports.Gate`.

    Beside what the orders say, the guard itself always passes, and so does udev's own look at a camera that is plugged
    in (v4l_id as root), which takes no pictures and tells cameras from their metadata nodes; unless an order names it.
    """

    def __init__(self, clock: Clock, packages: Packages | None = None, hasher: Hasher | None = None) -> None:
        self._clock = clock
        self._packages = packages or Packages()
        self._hasher = hasher or Hasher()
        self._processes = ProcessReader()
        self._loaded: Loaded | None = None
        self._apps: dict[wire.Name, AppIdentity] = {}
        self._lost = 0

    def obstacle(self) -> str | None:
        """Why there can be no gate here, as a sentence with the remedy; None where nothing is in the way."""
        found = obstacle.find()
        return None if found is None else f"{found.why} {found.remedy}"

    def open(self) -> None:
        """Load and attach; everything passes until the first `apply`. Raises Refused, with the reason."""
        in_the_way = "The gate is open already." if self._loaded is not None else self.obstacle()
        if in_the_way is not None:
            raise Refused(in_the_way)
        self._loaded = Loaded()

    def apply(self, orders: Sequence[GateOrder], *, refuse_others: bool) -> tuple[GateOrder, ...]:
        """Put these orders in the place of those before; returns those that cannot be carried out.

        Raises Refused where the orders before stay.
        """
        gate = self._gate()
        uids = _uids(orders)
        programs = ProgramFinder(gate.name, self._packages, self._hasher).find(orders)
        table = build(orders, programs, uids, refuse_others=refuse_others)
        _let_look(table, gate)
        gate.put(table)
        self._apps = {program.name: program.app for program in programs}
        return tuple(order for order in orders if hopeless(order, programs, uids))

    async def watch(self, deliver: Callable[[OpenRefused], None]) -> None:
        """Deliver what is refused until cancelled. Raises SensorError where the gate is found dead."""
        gate = self._gate()
        while True:
            if await _readable(gate.refusals_fd):
                for refused in await asyncio.to_thread(self._collect, gate):
                    deliver(refused)
                await asyncio.sleep(_PAUSE_S)
            elif not await asyncio.to_thread(gate.alive):
                raise SensorError("the gate is dead: something took it out of the kernel, or made it powerless")

    def alive(self) -> bool:
        """Whether the gate is seen to work, with the orders it was given last."""
        return self._loaded is not None and self._loaded.alive()

    def close(self) -> None:
        """Take the gate out of the kernel: everything passes."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _gate(self) -> Loaded:
        if self._loaded is None:
            raise Refused("the gate is not open")
        return self._loaded

    def _collect(self, gate: Loaded) -> list[OpenRefused]:
        """What was refused since the last time, each process and node once, and how many more there were."""
        now = self._clock.now()
        try:
            refusals, lost = gate.refusals()
        except Refused as error:
            raise SensorError(f"the gate is dead: {error}") from error
        counts: dict[tuple[int, int, int], int] = {}
        last: dict[tuple[int, int, int], wire.Refusal] = {}
        for refusal in refusals:
            key = (refusal.pid, refusal.started_ns, refusal.camera)
            counts[key] = counts.get(key, 0) + 1
            last[key] = refusal
        found = [
            OpenRefused(
                self._process(one, now),
                wire.number(one.camera),
                counts[key],
                _back(now, one.boottime_ns),
                self._apps.get(one.program),
            )
            for key, one in last.items()
        ]
        more, self._lost = lost - self._lost, lost
        return [*found, OpenRefused(Process(None), None, more, now)] if more else found

    def _process(self, refusal: wire.Refusal, now: Moment) -> Process:
        """Who was refused: as /proc has it, or, where it is gone or runs something else by now, as the gate saw it."""
        ticks = refusal.started_ns * CLOCK_TICKS // NANOSECONDS
        identity = ProcessIdentity(refusal.pid, ticks, self._processes.boot_id)
        app = self._apps.get(refusal.program)
        path = None if app is None else app.path
        started_utc_ns = _back(now, refusal.started_ns).utc_ns
        seen = Process(identity, refusal.comm, path, refusal.user, started_utc_ns=started_utc_ns)
        try:
            found = self._processes.process(refusal.pid)
        except ProcessGone:
            return seen
        same = found.identity == identity and (path is None or path == found.exe)
        return found if same else seen


def _uids(orders: Sequence[GateOrder]) -> dict[str, int]:
    """The users that orders name, by name or number; those that there are not are left out."""
    uids = {}
    for user in {order.user for order in orders if order.user is not None}:
        try:
            uids[user] = pwd.getpwnam(user).pw_uid
        except KeyError:
            if user.isascii() and user.isdecimal() and int(user) < wire.ANY_USER:
                uids[user] = int(user)
    return uids


def _let_look(table: Table, gate: Loaded) -> None:
    for path in _LOOKS:
        named = gate.name(path)
        if named is None:
            continue
        own = is_systems_own(os.path.realpath(path), os.fstat(named.fd))
        os.close(named.fd)
        if own and not any(key.program == named.name for key in table):
            table[wire.Key(named.name, 0, 0)] = wire.Order(named.change, wire.PASS, wire.NOTHING)


def _back(now: Moment, boottime_ns: int) -> Moment:
    """The moment of this boot at which the boot clock stood there, as the wall clock has it now."""
    return replace(now, boottime_ns=boottime_ns, utc_ns=now.utc_ns - (now.boottime_ns - boottime_ns))


async def _readable(fd: int) -> bool:
    """Wait until there is something to read; false where it is time to see whether there ever will be."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(_CHECK_S):
            await readable.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(fd)
    return True
