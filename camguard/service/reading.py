"""What the service reads in the log for whoever asks, as much of it as each may see.

A question to a log of years may take seconds. It is asked in threads of its own: nobody who asks keeps the guard from
ending a blocked use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from camguard.core.authority import Caller, Deed, may, owner_of, sees_whole, shown
from camguard.core.model import App
from camguard.errors import Refused
from camguard.ipc import calls, protocol
from camguard.journal.coverage import known
from camguard.journal.filter import Filter, to_utc_ns
from camguard.journal.fold import ActivationRecord
from camguard.journal.queries import Reader

THREADS = 2

_LOOKED_THROUGH = 1_000
"""The own uses of an app among which its earlier ones are counted for who may not read the whole log."""

_A_FEW = 50
"""How many entries are in memory at a time while they are looked through."""

_PAGES = 20
"""How many pages of the log are looked through for one page of what a caller may see."""

P = ParamSpec("P")
T = TypeVar("T")


class Reading:
    """Answers from the log."""

    def __init__(self, past: Reader) -> None:
        self._past = past
        self._threads = ThreadPoolExecutor(THREADS, "camguard-reading")

    def close(self) -> None:
        """Ask nothing more; a question that is under way is let end."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def times_seen(self, caller: Caller, app: App) -> tuple[int, int | None]:
        """How often an app used a camera, and when last (UTC nanoseconds), as far as the caller may know it."""
        return await self._ask(self._count, caller, app)

    async def last_seq(self) -> int:
        """The number of the newest entry."""
        return await self._ask(self._past.last_seq)

    async def activation(self, number: int) -> ActivationRecord | None:
        """One activation, for whoever answers; what of it a caller may know is for that one to say."""
        return await self._ask(self._past.activation, number)

    async def log(self, caller: Caller, call: calls.Log) -> dict[str, Any]:
        """Activations: all, or to one who may not read the whole log the own ones."""
        wanted = Filter(
            since=call.since,
            until=call.until,
            app=call.app,
            camera=call.camera,
            unexpected=call.unexpected,
            unanswered=call.unanswered,
            uid=None if may(caller, Deed.READ_WHOLE_LOG) else caller.uid,
            before=call.before,
        )
        if call.number is not None:
            one = await self._ask(self._past.activation, call.number)
            found = [one] if one is not None and wanted.matches(one) else []
            taken, more = protocol.page(msgspec.to_builtins(record) for record in found)
            return {"activations": taken, "more": more}
        page, left = protocol.Page(), call.limit
        while left:
            few = min(_A_FEW, left)
            found = await self._ask(self._past.activations, replace(wanted, limit=few))
            # The newest first, so that what has no room in one message is what the next page begins with.
            for record in reversed(found):
                if not page.add(msgspec.to_builtins(record)):
                    return {"activations": page.taken, "more": True}
            left -= len(found)
            if len(found) < few:
                return {"activations": page.taken, "more": False}
            wanted = replace(wanted, before=found[0].number)
        return {"activations": page.taken, "more": True}

    async def entries(self, caller: Caller, call: calls.Entries) -> dict[str, Any]:
        """Entries, each as much of it as the caller may see."""
        last, looked_at, page, few = call.after, 0, protocol.Page(), min(_A_FEW, call.limit)
        while looked_at < (_PAGES if page.empty else 1) * call.limit:
            entries = await self._ask(self._past.entries, last, call.kinds, few)
            for entry in entries[: call.limit - len(page.taken)]:
                seen = shown(caller, entry.line, owner_of(entry.line))
                if seen is not None and not page.add(seen) and not page.empty:
                    return {"entries": page.taken, "last_seq": last}
                last = entry.seq
            looked_at += len(entries)
            if len(entries) < few:
                break
        return {"entries": page.taken, "last_seq": last}

    async def was_on(self, caller: Caller, call: calls.WasOn) -> dict[str, Any]:
        """What the log knows of a time: each caller's own uses whole, of others that there was one.

        Those that have no room in one message are told of as others are where there are too many.
        """
        if not may(caller, Deed.ASK_WAS_ON):
            raise Refused("you may not ask about the past")
        if not sees_whole(caller, None) and caller.private:
            # "No" would say too much where another user's uses are not even to be mentioned.
            why = "the log is private here ([log] private), so that only root may ask whether a camera was on"
            raise Refused(f"{why}; `camguard log` shows your own uses")
        told = await self._ask(
            known,
            self._past,
            call.begin,
            call.end,
            call.camera,
            lambda record: sees_whole(caller, owner_of({"process": record.process})),
        )
        # The newest first, so that what has no room is the oldest.
        taken, left_out = protocol.page(msgspec.to_builtins(use) for use in reversed(told.uses))
        return {
            "stretches": msgspec.to_builtins(told.stretches),
            "uses": taken[::-1],
            "more": told.more or left_out,
            "checked": msgspec.to_builtins(told.checked),
        }

    def _count(self, caller: Caller, app: App) -> tuple[int, int | None]:
        """How often the app used a camera, and when last; to one who may not read the whole log, of the own uses."""
        if not app.known:
            return (0, None)
        if may(caller, Deed.READ_WHOLE_LOG):
            return self._past.times_seen(app.identity)
        wanted = Filter(app=app.identity.id, uid=caller.uid, limit=_LOOKED_THROUGH)
        key = (app.identity.kind, app.identity.id)
        own = [
            record
            for record in self._past.activations(wanted)
            if record.capture is not None and ((record.app or {}).get("kind"), (record.app or {}).get("id")) == key
        ]
        return (len(own), to_utc_ns(own[-1].last_at) if own else None)

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(question, *args, **kwargs))
