"""Refused calls, for the log: the first of a kind at once, what follows in a flood together, and none unmentioned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from camguard.core.authority import Caller
from camguard.core.events import Kind, Report
from camguard.core.model import Moment

TOGETHER_S = 10.0
"""How long refused calls of one user and one kind are gathered into one entry, after the first."""


@dataclass(slots=True)
class _More:
    caller: Caller
    why: str
    times: int = 0


class Refusals:
    """Gathers refused calls. `write` takes an entry; it is called on the event loop's thread."""

    def __init__(self, write: Callable[[Report], None], now: Callable[[], Moment], name: Callable[[int], str]) -> None:
        self._write = write
        self._now = now
        self._name = name
        self._more: dict[tuple[int, str], _More] = {}

    def note(self, caller: Caller, call: str, why: str) -> None:
        """A call was refused; `call` is one of a known set."""
        key = (caller.uid, call)
        known = self._more.get(key)
        if known is not None:
            known.caller, known.why, known.times = caller, why, known.times + 1
            return
        self._more[key] = _More(caller, why)
        self._write(self._report(caller, call, why, 1))
        asyncio.get_running_loop().call_later(TOGETHER_S, self._flush, key)

    def flush(self) -> None:
        """Write down what was gathered so far."""
        for key in list(self._more):
            self._flush(key)

    def _flush(self, key: tuple[int, str]) -> None:
        more = self._more.pop(key, None)
        if more is not None and more.times:
            self._write(self._report(more.caller, key[1], more.why, more.times))

    def _report(self, caller: Caller, call: str, why: str, times: int) -> Report:
        extra = {
            "call": call,
            "caller": f"{self._name(caller.uid)} (pid {caller.pid})",
            "uid": caller.uid,
            "pid": caller.pid,
            "why": why,
            "times": times,
        }
        return Report(Kind.CALL_REFUSED, self._now(), extra=extra)
