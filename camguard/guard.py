"""The engine: one queue, one consumer, and effects carried out.

Whatever happens comes in through one queue. The consumer alone owns all state, so there are no locks: it lets
the casebook and the switchboard decide, commits the reports to the journal, tells the listeners, and only then acts.
Events that arrive while a commit is under way are taken together by the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from camguard.batch import Act, Asked, Batch, Companion, Due, Event, Identified
from camguard.blocking import ASIDE_S, HURRY_S, Blow, Findings, Writing
from camguard.core.casebook import Case, Casebook, Digest, Enforce, Identify, Identity, Spend, Wish, would_block
from camguard.core.context import ContextPolicy
from camguard.core.events import CamerasSeen, Report, Sighting
from camguard.core.model import Camera, CameraId, Moment, Result, Rule, Step
from camguard.core.power import Power
from camguard.core.switchboard import Turn
from camguard.ending import block_of, carry_out, pending
from camguard.errands import Errands, whole
from camguard.inforce import RETRY_S, InForce
from camguard.lifetime import started, stopped
from camguard.ports import History, JournalWriter, Platform, Rules
from camguard.readiness import look_up
from camguard.switching import Switched, Switching
from camguard.timewatch import TimeWatch

log = logging.getLogger(__name__)

Listener = Callable[[Report], None]
PARTING_S = 10.0
"""How long actions under way may take to end when the guard is stopped; what takes longer is told as unfinished."""

_BATCH = 2_000
_NOT_ENDED = frozenset({Result.REFUSED, Result.FAILED, Result.STILL_HELD})


class Guard:
    """Watches, judges, records and acts until it is cancelled.

    `resources` are closed when it ends: the journal, and the lock that keeps a second guard away. Without `switching`
    it has not the rights to switch cameras. `recovered` is what there is to report of an earlier guard's end; `beat`
    leaves a sign of life beside the activation log; `upkeep` is what else is done for that.
    """

    def __init__(
        self,
        platform: Platform,
        journal: JournalWriter,
        history: History,
        rules: Rules,
        casebook: Casebook,
        resources: ExitStack,
        switching: Switching | None = None,
        recovered: Sequence[Report] = (),
        beat: Callable[[], None] = lambda: None,
        upkeep: Companion | None = None,
    ) -> None:
        self.platform = platform
        self.beat = beat
        self.upkeep = upkeep
        self.switching = switching
        self._journal = journal
        self._in_force = InForce(rules, platform.clock)
        self._book = casebook
        self._resources = resources
        self._recovered = recovered
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._listeners: list[Listener] = []
        self._stopping = False
        self._over = False
        self._writing = Writing(journal)
        self._findings = Findings(platform, history)
        self._times = TimeWatch(platform.timekeeper)

    @property
    def cases(self) -> tuple[Case, ...]:
        """The uses that go on now, oldest first."""
        return self._book.live

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """The cameras that are plugged in and on."""
        return self._book.cameras

    @property
    def blind(self) -> dict[str, str]:
        """What cannot be seen now, and of each why."""
        return self._book.blind

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force."""
        return self._in_force.rules

    def mind(self, policy: ContextPolicy) -> None:
        """Let this of a use's context speak against it, from the next verdict on."""
        self._book.minding = policy

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every report once it is on disk, on the event loop's thread."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Guard until cancelled.

        Raises SensorError where nothing can be watched; any part's failure ends the whole.
        """
        try:
            if self.switching is not None:
                await self.switching.reconcile()
            self._tell(await self._write([*self._recovered, started(self.platform)]))
            self._errands = Errands()
            self._alarm = self.platform.alarm(self._wake)
            self._times.follow(self._wake)
            try:
                await self._work()
            finally:
                self._times.close()
                await self._stop()
        finally:
            self._findings.close()
            self._writing.close()
            self._resources.close()

    async def ask(self, act: Act) -> tuple[Report, ...]:
        """Have the consumer do something in turn with everything else; returns its reports once they are written.

        Whoever asks a guard that has ended is cancelled.
        """
        done: asyncio.Future[tuple[Report, ...]] = asyncio.get_running_loop().create_future()
        if self._over:
            done.cancel()
        self._inbox.put_nowait(Asked(act, done))
        return await done

    async def record(self, report: Report) -> Report:
        """Put one report of an action into the journal, and wait until it is there."""
        [written] = await self.ask(lambda _: [report])
        return written

    async def switch(
        self, power: Power, camera: CameraId, for_ns: int | None, by: str, *, whole: bool = False
    ) -> tuple[Switched, ...]:
        """Take somebody's word about one camera, or `EVERY` one, and wait until it is carried out.

        Returns what came of each device that had to be switched; of none, where all were as they should be, or somebody
        said otherwise meanwhile.
        """
        switching = self.switching
        if switching is None:
            raise AssertionError("a guard without the rights to switch cameras was told to")
        await self.ask(lambda now: [switching.board.say(power, camera, for_ns, by, now, whole=whole)])
        done = await switching.results(camera)
        if any(each.power is not power for each in done):  # what was said before was still being carried out
            done += await switching.results(camera)
        return tuple(each for each in done if each.power is power)

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self.platform.sensor.watch(self._inbox.put_nowait), name="sensor")
                parts.create_task(self._consume(), name="consumer")
                parts.create_task(self._errands.failed(), name="errands")
                if self.upkeep is not None:
                    parts.create_task(self.upkeep.run(self.ask), name="upkeep")
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _consume(self) -> None:
        while True:
            await whole(self._digest(await self._next_events()))

    async def _digest(self, events: list[Event]) -> None:
        """Decide what these events come to; write it down, begin what is to be done, tell of it, answer who asked."""
        batch = self._take(events)
        urgent = self._find_out_about(batch)
        if urgent or batch.blows:
            self.platform.sensor.stand_aside(ASIDE_S)
        if urgent:
            # Who it is, and the end of it, are then on disk with the open: one commit instead of two.
            later = self._take(await self._until_identified(urgent))
            self._find_out_about(later)
            batch.add(later)
        await self._keep(batch)

    async def _until_identified(self, numbers: set[int]) -> list[Event]:
        """What comes in until it is known who these are, for a moment at most."""
        events: list[Event] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(HURRY_S):
                while numbers:
                    events.append(await self._inbox.get())
                    numbers -= {event.number for event in events if isinstance(event, Identified)}
        return events + self._waiting()

    async def _keep(self, batch: Batch) -> None:
        written = await self._write(batch.digest.reports, batch.blows)
        try:
            if self.switching is not None and self.switching.unsaved():
                await asyncio.shield(self._writing.run(self.switching.save))
            self._act(batch)
            await asyncio.sleep(0)  # what is to be done begins, and need not wait until everybody was told of it
        finally:
            self._tell(written)
        for begin, end, done in batch.asked:
            if not done.done():  # whoever asked may have gone away
                done.set_result(written[begin:end])

    async def _next_events(self) -> list[Event]:
        """Everything that waits, at most one batch; nothing where the disk is due to be tried again."""
        self._alarm.set(self._deadline_ns())
        events: list[Event] = []
        failing = self._journal.waiting or (self.switching is not None and self.switching.unsaved())
        try:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with an event.
            async with asyncio.timeout(RETRY_S if failing else None):
                events.append(await self._inbox.get())
        except TimeoutError:
            return events
        return events + self._waiting()

    def _wake(self) -> None:
        self._inbox.put_nowait(Due())

    def _waiting(self) -> list[Event]:
        events: list[Event] = []
        while len(events) < _BATCH and not self._inbox.empty():
            events.append(self._inbox.get_nowait())
        return events

    def _deadline_ns(self) -> int | None:
        """When time alone has something to do; None where it has not."""
        dues = [self._book.deadline_ns()]
        if self.switching is not None:
            now = self.platform.clock.now()
            dues.append(self.switching.board.deadline_ns(self._in_force.rules, now))
        return min((due for due in dues if due is not None), default=None)

    def _take(self, events: list[Event]) -> Batch:
        batch = Batch()
        digest = batch.digest
        digest.reports += self._times.changes()
        rules = self._current_rules(digest)
        for event in events:
            match event:
                case Identified(number, identity):
                    digest.add(self._book.identified(number, identity, self.platform.clock.now(), rules))
                case Asked(act, done):
                    begin = len(digest.reports)
                    digest.reports += act(self.platform.clock.now())
                    batch.asked.append((begin, len(digest.reports), done))
                case Due():
                    pass
                case _:
                    self._tell_switching(event)
                    digest.add(self._book.take(event, rules))
        now = self.platform.clock.now()
        digest.add(self._book.elapse(now, rules))
        for wish in digest.wishes:
            if isinstance(wish, Identify):
                self._findings.expect(wish.number)
        if not self._stopping:  # nothing is begun any more
            self._review_power(batch, rules, now)
            self._prepare_orders(batch)
        return batch

    def _tell_switching(self, event: Sighting) -> None:
        if self.switching is not None and isinstance(event, CamerasSeen):
            self._book.switched(self.switching.going)
            self.switching.seen(event)

    def _review_power(self, batch: Batch, rules: tuple[Rule, ...], now: Moment) -> None:
        if self.switching is not None:
            reports, turns = self.switching.review(self._book.cameras, rules, self._book.in_use, now)
            batch.digest.reports += reports
            batch.turns += turns

    def _prepare_orders(self, batch: Batch) -> None:
        """A block's pending entry goes to disk with what led to it, so that nothing more has to be waited for."""
        for wish in batch.digest.wishes:
            if not isinstance(wish, Enforce):
                continue
            case = self._book.case(wish.number)
            if case is not None and case.activation.state.live:
                order = block_of(case)
                batch.digest.reports.append(pending(self.platform, order))
                batch.blows.append(Blow(self.platform, order, _log_step, self._findings.of(wish.number)))

    def _current_rules(self, digest: Digest) -> tuple[Rule, ...]:
        """The rules in force; that their file broke, or was mended, is in the log."""
        before = self._in_force.rules
        told = self._in_force.look()
        if told is not None:
            digest.add(self._book.take(told, ()))
        if self._in_force.rules != before:
            self._errands.begin(asyncio.to_thread(look_up, self.platform.identifier, self._in_force.rules))
        return self._in_force.rules

    async def _write(self, reports: list[Report], blows: Sequence[Blow] = ()) -> tuple[Report, ...]:
        """Nothing is shown, or done, that is not on disk, unless the disk itself is what fails."""
        if not reports and not self._journal.waiting:
            return ()
        writing = self._writing.append(reports, blows)
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._tell(await writing)  # what was decided is written and told, also by a guard that is being stopped
            raise

    def _tell(self, reports: tuple[Report, ...]) -> None:
        for report in reports:
            for listener in self._listeners:
                listener(report)

    def _act(self, batch: Batch) -> None:
        for blow in batch.blows:
            self._errands.act(self._enforce(blow))
        for wish in batch.digest.wishes:
            self._grant(wish)
        for turn in batch.turns:
            if self.switching is not None:
                self._errands.act(self._turn(self.switching, turn))

    def _grant(self, wish: Wish) -> None:
        match wish:
            case Spend(rule):
                self._in_force.spend(rule)
                self._errands.begin(self._in_force.remove(rule, self.record))
            case Identify() | Enforce():
                pass  # begun, and made into an order with its pending entry, before the commit

    async def _turn(self, switching: Switching, turn: Turn) -> None:
        outcome = await switching.turn(turn, self.ask)
        if outcome.result is Result.OFF:
            self._errands.begin(switching.confirm(turn, self.ask))

    def _find_out_about(self, batch: Batch) -> set[int]:
        """Have new uses identified, while what is known already goes to disk: a process may soon be gone.

        Returns those of which it is worth to know who it is before that is written.
        """
        now = self.platform.clock.now()
        urgent = set()
        for wish in batch.digest.wishes:
            case = self._book.case(wish.number) if isinstance(wish, Identify) else None
            if isinstance(wish, Identify) and case is not None:
                would = partial(would_block, case, at=now, rules=self._in_force.rules)
                found = self._findings.begin(wish, would, partial(self._learnt, wish.number))
                self._errands.begin(self._learn(wish.number, found))
                if wish.urgent:
                    urgent.add(wish.number)
        return urgent

    async def _learn(self, number: int, found: asyncio.Future[Identity]) -> None:
        self._learnt(number, await found)

    def _learnt(self, number: int, identity: Identity) -> None:
        self._inbox.put_nowait(Identified(number, identity))

    async def _enforce(self, blow: Blow) -> None:
        """End a blocked use; where that cannot be done the camera itself goes off, until a person says otherwise."""
        order, dealt = blow.order, asyncio.wrap_future(blow.dealt)
        seen = await asyncio.wrap_future(blow.seen)
        if blow.preserving is not None:
            await blow.preserving.note(self.record, seen)
        outcome = await carry_out(self.platform, self.record, order, _log_step, dealt)
        if blow.preserving is not None:
            await blow.preserving.keep(self.record, seen)
        if outcome.result in _NOT_ENDED and self.switching is not None and not self._stopping:
            await self.switch(Power.OFF, order.camera.id, None, order.by)

    async def _stop(self) -> None:
        """Let actions end, and write down what they came to and what came in last; then that the guard stopped."""
        self._stopping = True
        consumer = asyncio.create_task(self._consume())
        await self._errands.finish(PARTING_S)
        consumer.cancel()
        await asyncio.wait([consumer])
        self._alarm.close()
        if not consumer.cancelled():
            consumer.result()  # it failed: that is what the guard ends with
        batch = self._take(self._waiting())
        if self.switching is not None and self.switching.restore_on_stop:
            batch.digest.reports += await asyncio.to_thread(self.switching.restore)
        batch.digest.reports.append(stopped(self.platform))
        self._over = True
        await self._keep(batch)


def _log_step(step: Step) -> None:
    log.info("%s: %s", step.what, step.result)
