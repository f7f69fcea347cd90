"""An alarm by the event loop's own timers, for every operating system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camguard.core.model import NANOSECONDS
from camguard.ports import Clock

_LOOK_AGAIN_S = 10.0  # the loop's clock may stand still while the machine sleeps: no wait is longer


class SimulatedAlarm:
    """Implements `camguard.ports.Alarm` on the running event loop, by the time that `clock` tells."""

    def __init__(self, ring: Callable[[], None], clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._clock = clock
        self._at: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, boottime_ns: int | None) -> None:
        """Ring then, and not when it was to ring before."""
        self._at = boottime_ns
        self._arm()

    def close(self) -> None:
        """Never ring again."""
        self.set(None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._at is not None:
            left_s = (self._at - self._clock.now().boottime_ns) / NANOSECONDS
            self._timer = self._loop.call_later(min(max(left_s, 0.0), _LOOK_AGAIN_S), self._look)

    def _look(self) -> None:
        if self._at is None or self._clock.now().boottime_ns < self._at:
            self._arm()
            return
        self._at = self._timer = None
        self._ring()
