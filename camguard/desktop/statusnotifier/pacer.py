"""Doing a thing soon after it is asked for, but not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

GAP_S = 0.2
"""Between two rounds of updates. Through AppIndicator, 500 a second end the part of xfce4-panel that shows icons."""


class Pacer:
    """Calls `work` soon after each `ask`, once for however many there were, and at most once in `gap_s` seconds.

    The last `ask` is always followed by a call. Nothing runs where nothing was asked for.
    """

    def __init__(self, work: Callable[[], None], gap_s: float = GAP_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = work
        self._gap_s = gap_s
        self._not_before = self._loop.time()
        self._due: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a call is due."""
        return self._due is not None

    def ask(self) -> None:
        """Have it done."""
        if self._due is None:
            self._due = self._loop.call_at(max(self._not_before, self._loop.time()), self._do)

    def stop(self) -> None:
        """Do not do what is due."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _do(self) -> None:
        self._due = None
        self._not_before = self._loop.time() + self._gap_s
        self._work()
