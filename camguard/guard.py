"""The engine: one queue, one consumer, and effects carried out.

Whatever happens comes in through one queue. The consumer alone owns all state, so there are no locks: it lets
the casebook decide, commits the reports to the journal, tells the listeners, and only then acts. Events that
arrive while a commit is under way are taken together by the next one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from camguard import __version__
from camguard.core.casebook import Casebook, Digest, Enforce, Identify, Identity, Spend, Wish
from camguard.core.events import Blinded, Kind, Report, Sighting, SightRestored
from camguard.core.model import NANOSECONDS, Process, Rule
from camguard.ending import Order, end_use
from camguard.errors import ConfigError
from camguard.ports import History, JournalWriter, Platform, Rules

log = logging.getLogger(__name__)

Listener = Callable[[Report], None]

_BATCH = 2_000
_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class _Identified:
    number: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class _Recorded:
    report: Report
    written: asyncio.Future[Report]


_Event = Sighting | _Identified | _Recorded


class Guard:
    """Watches, judges, records and acts until it is cancelled.

    `resources` are closed when it ends: the journal, and the lock that keeps a second guard away.
    """

    def __init__(
        self,
        platform: Platform,
        journal: JournalWriter,
        history: History,
        rules: Rules,
        casebook: Casebook,
        resources: ExitStack,
    ) -> None:
        self.platform = platform
        self._journal = journal
        self._history = history
        self._rules = rules
        self._book = casebook
        self._resources = resources
        self._inbox: asyncio.Queue[_Event] = asyncio.Queue()
        self._listeners: list[Listener] = []
        self._rules_in_force: tuple[Rule, ...] = ()
        self._rules_broken: str | None = None
        self._tasks: asyncio.TaskGroup | None = None
        # Two pools, so that hashing a large executable never holds up a commit.
        self._writing = ThreadPoolExecutor(1, "camguard-journal")
        self._finding_out = ThreadPoolExecutor(2, "camguard-identify")

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every report once it is on disk, on the event loop's thread."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Guard until cancelled.

        Raises SensorError where nothing can be watched; any part's failure ends the whole.
        """
        try:
            await self._commit([self._started()])
            try:
                await self._work()
            finally:
                await self._stop()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            self._finding_out.shutdown(wait=False, cancel_futures=True)
            self._writing.shutdown(wait=True)
            self._resources.close()

    async def record(self, report: Report) -> Report:
        """Put one report of an action into the journal, in turn with everything else, and wait until it is there."""
        written: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(_Recorded(report, written))
        return await written

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self.platform.sensor.watch(self._inbox.put_nowait), name="sensor")
            self._tasks.create_task(self._consume(), name="consumer")

    async def _consume(self) -> None:
        while True:
            events = await self._next_events()
            digest, waiting = self._digest(events)
            written = await self._commit(digest.reports)
            for index, future in waiting:
                future.set_result(written[index])
            for wish in digest.wishes:
                self._grant(wish)

    async def _next_events(self) -> list[_Event]:
        """Everything that waits, at most one batch; nothing where a deadline came first."""
        events: list[_Event] = []
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with an event.
            async with asyncio.timeout(self._patience_s()):
                events.append(await self._inbox.get())
        except TimeoutError:
            return events
        while len(events) < _BATCH and not self._inbox.empty():
            events.append(self._inbox.get_nowait())
        return events

    def _patience_s(self) -> float | None:
        """Seconds until time alone has something to do; None, with no timer at all, where it has not."""
        retry = _RETRY_S if self._journal.waiting else None
        deadline = self._book.deadline_ns()
        if deadline is None:
            return retry
        until = max(0.0, (deadline - self.platform.clock.now().boottime_ns) / NANOSECONDS)
        return until if retry is None else min(until, retry)

    def _digest(self, events: list[_Event]) -> tuple[Digest, list[tuple[int, asyncio.Future[Report]]]]:
        """What the events come to, and who waits for which of the reports to be on disk."""
        digest = Digest()
        waiting = []
        rules = self._current_rules(digest)
        for event in events:
            match event:
                case _Identified(number, identity):
                    digest.add(self._book.identified(number, identity, self.platform.clock.now(), rules))
                case _Recorded(report, written):
                    waiting.append((len(digest.reports), written))
                    digest.reports.append(report)
                case _:
                    digest.add(self._book.take(event, rules))
        digest.add(self._book.elapse(self.platform.clock.now(), rules))
        return digest, waiting

    def _current_rules(self, digest: Digest) -> tuple[Rule, ...]:
        """The rules in force; while their file is broken those read before stay, and the log says so."""
        try:
            self._rules_in_force = self._rules.current()
        except ConfigError as error:
            if self._rules_broken != str(error):
                self._rules_broken = str(error)
                why = f"{error} The rules read before stay in force."
                digest.add(self._book.take(Blinded("rules", why, self.platform.clock.now()), ()))
        else:
            if self._rules_broken is not None:
                self._rules_broken = None
                digest.add(self._book.take(SightRestored("rules", self.platform.clock.now()), ()))
        return self._rules_in_force

    async def _commit(self, reports: list[Report]) -> tuple[Report, ...]:
        """Write, then tell: nothing is shown that is not on disk, unless the disk itself is what fails."""
        if not reports and not self._journal.waiting:
            return ()
        writing = asyncio.get_running_loop().run_in_executor(self._writing, self._journal.append, reports)
        try:
            written = await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._tell(await writing)  # what was decided is written and told, also by a guard that is being stopped
            raise
        self._tell(written)
        return written

    def _tell(self, reports: tuple[Report, ...]) -> None:
        for report in reports:
            for listener in self._listeners:
                listener(report)

    def _grant(self, wish: Wish) -> None:
        if self._tasks is None:
            return
        match wish:
            case Identify(number, process):
                self._tasks.create_task(self._identify(number, process))
            case Enforce(number):
                self._tasks.create_task(self._enforce(number))
            case Spend(rule):
                self._tasks.create_task(self._spend(rule))

    async def _identify(self, number: int, process: Process) -> None:
        loop = asyncio.get_running_loop()
        identity = await loop.run_in_executor(self._finding_out, self._find_out, process)
        self._inbox.put_nowait(_Identified(number, identity))

    def _find_out(self, process: Process) -> Identity:
        app, details = self.platform.identifier.identify(process)
        times, last = self._history.times_seen(app.identity) if app.known else (0, None)
        return Identity(app, details, times, last)

    async def _enforce(self, number: int) -> None:
        case = self._book.case(number)
        if case is None or not case.activation.state.live:
            return
        identity = case.identity
        order = Order(
            case.camera,
            case.activation.holders or frozenset({case.activation.process}),
            by="policy" if case.verdict is None or case.verdict.rule is None else f"rule {case.verdict.rule}",
            activation=case.activation,
            app=None if identity is None else identity.app,
            details=None if identity is None else identity.details,
            verdict=case.verdict,
        )
        await end_use(self.platform, self.record, order, lambda step: log.info("%s: %s", step.what, step.result))

    async def _spend(self, rule_id: str) -> None:
        removed = await asyncio.to_thread(self._rules.remove, rule_id)
        if removed is not None:
            extra = {"rule": rule_id, "why": "it was for one use"}
            await self.record(Report(Kind.RULE_REMOVED, self.platform.clock.now(), extra=extra))

    async def _stop(self) -> None:
        """Write down what came in last, then that the guard stopped."""
        events: list[_Event] = []
        while not self._inbox.empty():
            events.append(self._inbox.get_nowait())
        digest, _ = self._digest(events)
        stopped = Report(Kind.GUARD_STOPPED, self.platform.clock.now(), extra={"pid": os.getpid()})
        await self._commit([*digest.reports, stopped])

    def _started(self) -> Report:
        extra = {
            "version": __version__,
            "pid": os.getpid(),
            "uid": os.getuid(),
            "platform": self.platform.name,
            "method": self.platform.method,
        }
        return Report(Kind.GUARD_STARTED, self.platform.clock.now(), extra=extra)
