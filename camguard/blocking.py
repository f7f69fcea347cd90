"""What a block needs before and behind the commit of its pending entry: who it is, and the blow itself.

A blocked program has the camera for as long as all this takes. So it is done by one thread after the other, and none of
them keeps the next from its work: what would be lost with the process is read, then the entries are written, and the
thread that wrote them ends it. Whatever else there is to do waits for a moment.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from camguard.core.casebook import Identify, Identity
from camguard.core.details import Details
from camguard.core.events import Report
from camguard.core.model import App, Outcome, Step
from camguard.ending import Order, end_each, preserving_of
from camguard.ports import History, JournalWriter, Platform, Tell
from camguard.preserving import GLANCE_S, Seen

SECURE_S = 0.05
"""How long ending a blocked program may wait until what would be lost with it is in hand."""

HURRY_S = 0.03
"""How long an entry may wait until it is known who it is about, where that may be somebody who is to be ended."""

ASIDE_S = 0.1
"""How long at most what can wait stands aside for a blow: the rest of finding out who it is, looks at holders."""

GRACE_S = 0.05
"""How long telling of a block waits until somebody has been asked to end."""

Written = tuple[Report, ...]

T = TypeVar("T")


class Finding:
    """How far finding out about one use has come, and whether a blow waits for it. Implements `ports.Onlooker`.

    `early` is told once who it is, as soon as the app is known, and says whether a blow will come of that.
    """

    def __init__(self) -> None:
        self._secured = threading.Event()
        self._over = threading.Event()
        self.awaited = False
        self.early: Callable[[Identity], bool] = _no_blow

    def secured(self) -> None:
        """Let the blow fall first, if one waits for this."""
        self._secured.set()
        if self.awaited:
            self._over.wait(ASIDE_S)

    def known(self, app: App, details: Details) -> None:
        """Let the blow fall first, if one comes of it."""
        early, self.early = self.early, _no_blow
        if early(Identity(app, details)):
            self._over.wait(ASIDE_S)

    def wait(self, patience_s: float) -> None:
        """Wait until that is so, or for so long."""
        self._secured.wait(patience_s)

    def go_on(self) -> None:
        """The blow has fallen."""
        self._over.set()


class Findings:
    """Finds out who uses a camera, in threads of its own: hashing a large executable never holds up a commit."""

    def __init__(self, platform: Platform, history: History) -> None:
        self._platform = platform
        self._history = history
        self._under_way: dict[int, Finding] = {}
        self._threads = ThreadPoolExecutor(2, "camguard-identify")

    def expect(self, number: int) -> None:
        """It will be found out about this use."""
        self._under_way[number] = Finding()

    def of(self, number: int) -> Finding | None:
        """How far it has come; None where all is known that will be."""
        return self._under_way.get(number)

    def begin(
        self, wish: Identify, would_block: Callable[[Identity], bool], early: Callable[[Identity], object]
    ) -> asyncio.Future[Identity]:
        """Begin to find out who it is, of a use that was expected; a process may soon be gone.

        Of an urgent wish, `would_block` says from any thread whether it is blocked if this is who it is. Then `early`
        is told who it is, on the event loop, and what is left to find out waits for the blow.
        """
        loop, finding = asyncio.get_running_loop(), self._under_way[wish.number]

        def look(identity: Identity) -> bool:
            blocked = would_block(identity)
            if blocked:
                with suppress(RuntimeError):  # the loop has ended, and with it the guard
                    loop.call_soon_threadsafe(early, identity)
            return blocked

        if wish.urgent:
            finding.early = look
        found = loop.run_in_executor(self._threads, self._find_out, wish, finding)
        found.add_done_callback(lambda _: self._under_way.pop(wish.number))
        return found

    def close(self) -> None:
        """Begin nothing more; what is under way is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _find_out(self, wish: Identify, finding: Finding) -> Identity:
        try:
            identity = Identity(*self._platform.identifier.identify(wish.process, finding))
        finally:
            finding.secured()
        finding.known(identity.app, identity.details)  # where nobody could say so before: a blow waits for no context
        context = self._platform.surroundings.context(wish.process, identity.details.origin)
        identity = replace(identity, context=context)
        if not identity.app.known:
            return identity
        times, last = self._history.times_seen(identity.app.identity)
        return replace(identity, times_seen=times, last_seen_utc_ns=last)


class Blow:
    """The end of a blocked use's processes, once. `dealt` is what came of it."""

    def __init__(self, platform: Platform, order: Order, tell: Tell, finding: Finding | None) -> None:
        self.order = order
        self.dealt: Future[Sequence[Outcome]] = _beyond_cancelling()
        self.preserving = preserving_of(platform, order)
        self.seen: Future[Seen] = _beyond_cancelling()
        self._platform = platform
        self._tell = tell
        self._finding = finding
        if finding is not None:
            finding.awaited = True

    def ready(self, patience_s: float) -> None:
        """Wait until it may fall, or for so long. Blocking."""
        if self._finding is not None:
            self._finding.wait(patience_s)

    def look(self) -> None:
        """See what the processes have. Blocking, while something else is done."""
        try:
            self.seen.set_result(() if self.preserving is None else self.preserving.look(GLANCE_S))
        except BaseException as error:  # noqa: BLE001  # whoever waits for what was seen raises it
            self.seen.set_exception(error)

    def fall(self, begun: Callable[[], object] = lambda: None) -> None:
        """End the processes, and call `begun` once they were asked to; the pending entry is on disk. Blocking."""

        def tell(step: Step) -> None:  # a step is told when it is done
            if not told:
                told.append(step)
                begun()
            self._tell(step)

        told: list[Step] = []
        wait([self.seen], GLANCE_S)
        try:
            outcomes = end_each(self._platform, self.order.processes, tell, self.order.patience_s)
        except BaseException as error:  # noqa: BLE001  # whoever waits for the outcome raises it
            self.dealt.set_exception(error)
        else:
            self.dealt.set_result(outcomes)
        finally:
            if not told:
                begun()
            if self._finding is not None:
                self._finding.go_on()


class Writing:
    """Writes to the journal in a thread of its own, and lets blows fall in the moment in which they may.

    The caller waits for one thing to be done before it begins the next.
    """

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        # One writes; the other may still be dealing a blow, to somebody who takes his time.
        self._threads = ThreadPoolExecutor(2, "camguard-journal")
        self._more = ThreadPoolExecutor(2, "camguard-blow")
        self._looking = ThreadPoolExecutor(1, "camguard-look")
        self._dealing: Future[Sequence[Outcome]] | None = None

    def append(self, reports: Sequence[Report], blows: Sequence[Blow]) -> asyncio.Future[Written]:
        """Write reports durably, then deal blows; it is done once they are written and one has been asked to end.

        Nobody keeps it for longer than `GRACE_S` from being done by not letting himself be asked.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Written] = loop.create_future()
        written: Future[Written] = Future()
        here: tuple[Blow, ...] = ()
        if blows and (self._dealing is None or self._dealing.done()):
            here, blows = (blows[0],), blows[1:]
            self._dealing = here[0].dealt

        def tell() -> None:
            if not told.done():
                _copy(written, told)

        def look() -> None:
            if written.done():
                tell()
            else:
                loop.call_later(GRACE_S, look)

        if here:
            loop.call_later(GRACE_S, look)
        self._threads.submit(self._append, reports, here, blows, written, lambda: loop.call_soon_threadsafe(tell))
        return told

    def run(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Have something else written."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Wait until all is written."""
        self._threads.shutdown(wait=True)
        self._more.shutdown(wait=False)
        self._looking.shutdown(wait=False)

    def _append(
        self,
        reports: Sequence[Report],
        here: Sequence[Blow],
        elsewhere: Sequence[Blow],
        written: Future[Written],
        tell: Callable[[], object],
    ) -> None:
        end = time.monotonic() + SECURE_S
        for blow in (*here, *elsewhere):
            blow.ready(max(0.0, end - time.monotonic()))
            self._looking.submit(blow.look)  # while the disk is waited for
        try:
            written.set_result(self._journal.append(reports))
        except BaseException as error:  # noqa: BLE001  # whoever waits for it raises it
            written.set_exception(error)
        else:
            for blow in elsewhere:
                self._more.submit(blow.fall)
            for blow in here:
                blow.fall(tell)
        if written.exception() is not None or not here:
            tell()


def _no_blow(_: Identity) -> bool:
    return False


def _copy(written: Future[Written], told: asyncio.Future[Written]) -> None:
    failure = written.exception()
    if failure is None:
        told.set_result(written.result())
    else:
        told.set_exception(failure)


def _beyond_cancelling() -> Future[T]:
    """What somebody may stop waiting for, though it is done all the same."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    return future
