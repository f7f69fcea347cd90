"""Keeps the hooks in their bounds: one run of each at a time, a short row of events, and no flood of complaints."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from camguard.core.records import Record
from camguard.hooks.running import Hands, Ran
from camguard.hooks.settings import Hook
from camguard.hooks.trust import objection
from camguard.wording import visible

log = logging.getLogger(__name__)

WAITING = 32
"""So many events wait for a hook; those beyond are left out and counted."""

AGAIN_S = 3600.0
"""How long a hook that goes on failing is not complained about again."""

_LONGEST_SAID = 400


class Runner:
    """Runs hooks on events, in order, from `offer` on one event loop."""

    def __init__(self, hooks: Sequence[Hook], configuration: Path | None, hands: Hands) -> None:
        self._rows = [_Row(hook, configuration, hands) for hook in hooks]

    def offer(self, record: Record) -> None:
        """Have every hook run that is for this event, soon; never waits."""
        for row in self._rows:
            if record["event"] in row.hook.on:
                row.put(record)

    @property
    def waiting(self) -> int:
        """How many events wait for a hook."""
        return sum(len(row.events) for row in self._rows)

    async def run(self) -> None:
        """Run hooks until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for row in self._rows:
                tasks.create_task(row.work(), name=f"hook {row.hook.name}")


class _Row:
    """One hook, and the events that wait for it."""

    def __init__(self, hook: Hook, configuration: Path | None, hands: Hands) -> None:
        self.hook = hook
        self.events: deque[Record] = deque()
        self._configuration = configuration
        self._hands = hands
        self._there = asyncio.Event()
        self._left_out = 0
        self._complaints = Complaints(hook.name)

    def put(self, record: Record) -> None:
        """Take an event, or count it where too many wait."""
        if len(self.events) >= WAITING:
            if not self._left_out:
                log.warning("hook %s: events are left out, %d wait; it takes longer than they come", *self._how_many())
            self._left_out += 1
            return
        self.events.append(record)
        self._there.set()

    async def work(self) -> None:
        """Run the hook on each event."""
        while True:
            await self._there.wait()
            record = self.events.popleft()
            if not self.events:
                self._there.clear()
                if self._left_out:
                    log.warning("hook %s: %d events were left out", self.hook.name, self._left_out)
                    self._left_out = 0
            self._complaints.take(await self._run(record), time.monotonic())

    def _how_many(self) -> tuple[str, int]:
        return self.hook.name, len(self.events)

    async def _run(self, record: Record) -> Ran:
        return await attempt(self._hands, self.hook, record, self._configuration)


async def attempt(hands: Hands, hook: Hook, record: Record, configuration: Path | None) -> Ran:
    """Run a hook on an event, where it may be run."""
    why = await asyncio.to_thread(objection, hook, configuration)
    if why is not None:
        return Ran(None, "", 0.0, why=why)
    event = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    return await hands.run(hook, str(record["event"]), event)


class Complaints:
    """Says what came of a hook's runs: that it fails once, and not each time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = 0
        self._told_at = 0.0

    def take(self, ran: Ran, now: float) -> None:
        """Take note of a run; `now` is seconds by a clock that never jumps."""
        if ran.well:
            if self._failures:
                log.info("hook %s works again; it had failed %d times", self._name, self._failures)
            elif ran.output:
                log.info("hook %s said: %s", self._name, said(ran))
            self._failures = 0
            return
        self._failures += 1
        if self._failures == 1 or now - self._told_at >= AGAIN_S:
            self._told_at = now
            often = f" ({self._failures} times by now)" if self._failures > 1 else ""
            words = f"; it said: {said(ran)}" if ran.output else ""
            log.warning("hook %s %s%s%s", self._name, visible(ran.sentence), often, words)


def said(ran: Ran) -> str:
    """What a hook printed, on one line, harmless and short."""
    return visible(ran.output.strip())[:_LONGEST_SAID]
