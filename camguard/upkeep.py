"""What a guard does for its log beside writing it: checks it, notes its head elsewhere, and cuts what is old.

All of it is done a little at a time beside the guard, which has better to do, and nothing of it keeps the guard from
guarding: what goes wrong is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from camguard import journald
from camguard.batch import Act
from camguard.core.events import Kind, Report
from camguard.core.model import Moment
from camguard.core.records import Record
from camguard.errors import AccessDenied, JournalError, NothingMatched, SigningError
from camguard.journal import heads, retention
from camguard.journal.chain import Verification
from camguard.journal.checkpoint import Checking, of_check
from camguard.journal.signing import Signed, key_of, sign
from camguard.journal.stub import CutSaid
from camguard.logconfig import LogChoices
from camguard.ports import Clock

log = logging.getLogger(__name__)

WORTH_NOTING = 1_000
"""So many entries checked are worth an entry: the next start has no need to check them again."""

Ask = Callable[[Act], Awaitable[tuple[Report, ...]]]
"""`Guard.ask`."""

Send = Callable[[Mapping[str, str]], None]
"""`journald.send`."""

_CANNOT = (JournalError, AccessDenied, NothingMatched)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how fast, in seconds.

    `settle_s` is how long the clock on the wall must have gone as time did before anything is cut by it: when a machine
    starts it may be wrong by years, until it hears from another.
    """

    head_s: float = 3_600.0
    cut_s: float = 86_400.0
    settle_s: float = 600.0
    check_pause_s: float = 0.01
    cut_pause_s: float = 0.05


_STEADY_NS = 60_000_000_000
"""How far the clock on the wall may have gone wrong while it settled."""


class Announcer:
    """Notes the head of the log at `path` in the systemd journal, and where there is a key, signed in its own file."""

    def __init__(self, path: Path, clock: Clock, send: Send = journald.send) -> None:
        self._path = path
        self._clock = clock
        self._send = send
        self._told: int | None = None
        self._said: set[str] = set()

    def announce(self) -> None:
        """Note the head, unless it is the one that was noted last. What cannot be done is told once."""
        try:
            head = heads.newest(self._path, self._clock.now().utc_ns)
        except _CANNOT as error:
            self._say(f"the log's head cannot be noted: {error}")
            return
        if head is None or head.seq == self._told:
            return
        signed = self._signed(head)
        try:
            self._send(heads.fields(head, self._path, signed))
        except BlockingIOError:
            self._say("the systemd journal does not keep up; the log's head is noted there later")
            return
        except OSError as error:
            log.debug("the log's head is not in the systemd journal: %s", error.strerror)  # there may be none here
        self._told = head.seq

    def _signed(self, head: heads.Head) -> Signed | None:
        if not key_of(self._path).exists():
            return None
        try:
            signed = sign(key_of(self._path), [head.signed_text])
            heads.keep(self._path, head, signed)
        except (SigningError, *_CANNOT) as error:
            self._say(str(error))
            return None
        return signed

    def _say(self, trouble: str) -> None:
        if trouble not in self._said:
            log.warning("%s", trouble)
        self._said.add(trouble)


class Upkeep:
    """The upkeep of the log at `path`. `trouble` is what is wrong with it, in a sentence; None where nothing is."""

    def __init__(
        self, path: Path, clock: Clock, announcer: Announcer, choices: LogChoices, pace: Pace | None = None
    ) -> None:
        self.trouble: str | None = None
        self._path = path
        self._clock = clock
        self._announcer = announcer
        self._choices = choices
        self._pace = pace or Pace()

    async def run(self, ask: Ask) -> None:
        """Keep the log until cancelled; `ask` has the guard write something."""
        sound = await self._check(ask)
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._note_heads(), name="heads")
            if sound and self._choices.keep_ns is not None:
                parts.create_task(self._keep_for(ask, self._choices.keep_ns), name="retention")

    async def _check(self, ask: Ask) -> bool:
        """Check what was written since the last check; whether all of it is as it was written."""
        checking = Checking(self._path)
        try:
            while True:
                found = await asyncio.to_thread(checking.step)
                if found is not None:
                    break
                await asyncio.sleep(self._pace.check_pause_s)
        except _CANNOT as error:
            log.warning("the activation log cannot be checked now: %s", error)
            return False
        if not found.ok or found.checked >= WORTH_NOTING:
            await self._tell(ask, found)
        return found.ok

    async def _tell(self, ask: Ask, found: Verification) -> None:
        if not found.ok:
            self.trouble = found.sentence
            log.error("THE ACTIVATION LOG WAS CHANGED: %s; see `camguard log verify`", found.sentence)
        await ask(partial(_report, *of_check(found)))

    async def _note_heads(self) -> None:
        while True:
            await asyncio.to_thread(self._announcer.announce)
            await asyncio.sleep(self._pace.head_s)

    async def _keep_for(self, ask: Ask, keep_ns: int) -> None:
        while True:
            await self._settled()
            try:
                await self._cut(ask, keep_ns)
            except _CANNOT as error:
                log.warning("what is old cannot be cut from the activation log now: %s", error)
            await asyncio.sleep(self._pace.cut_s)

    async def _settled(self) -> None:
        """Wait until the clock on the wall went as time did for a while."""
        while True:
            before = self._clock.now()
            await asyncio.sleep(self._pace.settle_s)
            if _steady(before, self._clock.now()):
                return

    async def _cut(self, ask: Ask, keep_ns: int) -> None:
        """Cut what is older than is kept, and first what an earlier cut left. Stops where an entry is not sound."""
        if await asyncio.to_thread(retention.unfinished, self._path) and not await self._carry_out(ask):
            return
        while True:
            now_ns = self._clock.now().utc_ns
            said = await asyncio.to_thread(retention.plan, self._path, now_ns - keep_ns, now_ns, self._choices.keep)
            if said is None:
                return
            extra = (await asyncio.to_thread(_with_signature, self._path, said)).extra
            [written] = await ask(partial(_report, Kind.JOURNAL_CUT, extra))
            if written.seq is None or not await self._carry_out(ask):
                return

    async def _carry_out(self, ask: Ask) -> bool:
        """Whether all went that was to go."""
        cutter = retention.Cutter(self._path)
        with closing(cutter):
            while (found := await asyncio.to_thread(cutter.step)) is not None:
                if not found.ok:
                    await self._tell(ask, found)
                    return False
                await asyncio.sleep(self._pace.cut_pause_s)
        return True


def _report(kind: Kind, extra: Record, now: Moment) -> list[Report]:
    return [Report(kind, now, extra=dict(extra))]


def _steady(before: Moment, now: Moment) -> bool:
    passed_ns = now.since(before)
    return passed_ns is not None and abs(now.utc_ns - before.utc_ns - passed_ns) < _STEADY_NS


def _with_signature(path: Path, said: CutSaid) -> CutSaid:
    if not key_of(path).exists():
        return said
    try:
        signed = sign(key_of(path), [said.signed_text])
    except SigningError as error:
        log.warning("%s; what is cut is not signed for", error)
        return said
    return msgspec.structs.replace(said, key=signed.key, signature=signed.signatures[0].hex())
