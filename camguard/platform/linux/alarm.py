"""An alarm by the boot clock: timerfd_create(2) with CLOCK_BOOTTIME, through ctypes.

Python has it from 3.13 on (`os.timerfd_create`). The clock counts through suspend. A timer that came due while the
machine slept is there to be read as soon as it is awake: tried on Linux 6.1, suspended to memory (S3) and woken by
the real-time clock after the moment had passed; tests/system/test_suspend.py does it again. It does not wake the
machine, which CLOCK_BOOTTIME_ALARM would.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable

from camguard.core.model import NANOSECONDS
from camguard.errors import SensorError

_CLOCK_BOOTTIME = 7
_TFD_TIMER_ABSTIME = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC are these by definition
_COUNT = 8  # bytes that a read gives: how often it has rung
_LAST = (2**31 - 1) * NANOSECONDS  # what a 32-bit time_t holds, and longer than a machine stays up


class _Spec(ctypes.Structure):
    """struct itimerspec: how often again (never, here), and when."""

    _fields_ = (
        ("again_s", ctypes.c_long),
        ("again_ns", ctypes.c_long),
        ("at_s", ctypes.c_long),
        ("at_ns", ctypes.c_long),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_libc.timerfd_create.argtypes = [ctypes.c_int, ctypes.c_int]
_libc.timerfd_settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.POINTER(_Spec), ctypes.c_void_p]


class LinuxAlarm:
    """Implements `camguard.ports.Alarm` on the running event loop.

    Raises SensorError where the process has no descriptor left for it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._fd: int = _libc.timerfd_create(_CLOCK_BOOTTIME, _FLAGS)
        if self._fd < 0:
            raise SensorError(f"no timer could be had: {os.strerror(ctypes.get_errno())}")
        self._loop.add_reader(self._fd, self._due)

    def set(self, boottime_ns: int | None) -> None:
        """Ring then, and not when it was to ring before."""
        # All zeros would switch it off: the clock's first nanosecond is long past, and rings at once.
        at = 0 if boottime_ns is None else min(max(boottime_ns, 1), _LAST)
        spec = _Spec(0, 0, at // NANOSECONDS, at % NANOSECONDS)
        if _libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            raise SensorError(f"the timer could not be set: {os.strerror(ctypes.get_errno())}")

    def close(self) -> None:
        """Never ring again."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _due(self) -> None:
        try:
            os.read(self._fd, _COUNT)
        except BlockingIOError:  # set anew between the kernel's word and ours: it has not rung
            return
        self._ring()
