"""An alarm by the boot clock: a timer file with CLOCK_BOOTTIME, see timerfd_create(2).

The clock counts through suspend. A timer that came due while the
machine slept is there to be read as soon as it is awake: tried on Linux 6.1, suspended to memory (S3) and woken by
the real-time clock after the moment had passed; tests/system/test_suspend.py does it again. It does not wake the
machine, which CLOCK_BOOTTIME_ALARM would.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from camguard.core.model import NANOSECONDS
from camguard.platform.linux import timerfd

_LAST = (2**31 - 1) * NANOSECONDS  # what a 32-bit time_t holds, and longer than a machine stays up


class LinuxAlarm:
    """Implements `camguard.ports.Alarm` on the running event loop.

    Raises SensorError where the process has no descriptor left for it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._fd = timerfd.create(timerfd.CLOCK_BOOTTIME)
        self._loop.add_reader(self._fd, self._due)

    def set(self, boottime_ns: int | None) -> None:
        """Ring then, and not when it was to ring before."""
        # All zeros would switch it off: the clock's first nanosecond is long past, and rings at once.
        timerfd.arm(self._fd, 0 if boottime_ns is None else min(max(boottime_ns, 1), _LAST))

    def close(self) -> None:
        """Never ring again."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _due(self) -> None:
        try:
            os.read(self._fd, timerfd.COUNT)
        except BlockingIOError:  # set anew between the kernel's word and ours: it has not rung
            return
        self._ring()
