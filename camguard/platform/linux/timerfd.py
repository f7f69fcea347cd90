"""Timers that are read like files: timerfd_create(2), through ctypes. Python has it from 3.13 on."""

from __future__ import annotations

import ctypes
import os

from camguard.core.model import NANOSECONDS
from camguard.errors import SensorError

ABSTIME, CANCEL_ON_SET = 1, 2  # TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET
CLOCK_REALTIME, CLOCK_BOOTTIME = 0, 7
COUNT = 8
"""Bytes that a read gives: how often it has rung."""

_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # TFD_NONBLOCK and TFD_CLOEXEC are these by definition


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


def create(clock: int) -> int:
    """A timer on a clock, as a descriptor that does not block.

    Raises SensorError where the process has no descriptor left for it.
    """
    fd: int = _libc.timerfd_create(clock, _FLAGS)
    if fd < 0:
        raise SensorError(f"no timer could be had: {os.strerror(ctypes.get_errno())}")
    return fd


def arm(fd: int, at_ns: int, flags: int = ABSTIME) -> None:
    """Have it ring at a time of its clock, and at none that was set before; 0: not at all. Raises SensorError."""
    spec = _Spec(0, 0, at_ns // NANOSECONDS, at_ns % NANOSECONDS)
    if _libc.timerfd_settime(fd, flags, ctypes.byref(spec), None) != 0:
        raise SensorError(f"the timer could not be set: {os.strerror(ctypes.get_errno())}")
