"""All clocks of Linux, and the kernel's word that one of them was moved: timerfd_create(2).

A timer on CLOCK_REALTIME with TFD_TIMER_CANCEL_ON_SET is cancelled when that clock moves against CLOCK_MONOTONIC: when
it is set, and when the machine resumes, since CLOCK_MONOTONIC stood still meanwhile (timerfd_clock_was_set() in
fs/timerfd.c). It is set for a time that does not come, so that it costs nothing and wakes nobody. No D-Bus is needed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

from camguard.core.model import NANOSECONDS
from camguard.core.timekeeping import Reading
from camguard.platform.linux import timerfd
from camguard.platform.linux.clock import LinuxClock

_NEVER = (2**31 - 1) * NANOSECONDS
"""In 2038. A later one does not fit everywhere; should it come, it rings once, and the clocks are read for nothing."""

_FLAGS = timerfd.ABSTIME | timerfd.CANCEL_ON_SET
_SURE_NS = NANOSECONDS // 100
_TRIES = 5
_LOCALTIME = "/etc/localtime"
_ZONES = "zoneinfo/"


class LinuxTimekeeper:
    """Implements `camguard.ports.Timekeeper`."""

    def __init__(self, clock: LinuxClock) -> None:
        self._clock = clock

    def read(self) -> Reading:
        """All clocks at this moment."""
        return Reading(self._clock.now(), _slept_ns(), zone())

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """See `camguard.ports.Timekeeper.follow`."""
        loop = asyncio.get_running_loop()
        fd = timerfd.create(timerfd.CLOCK_REALTIME)
        try:
            timerfd.arm(fd, _NEVER, _FLAGS)
        except BaseException:
            os.close(fd)
            raise

        def take() -> None:
            with suppress(OSError):  # ECANCELED is what it is there for; each read says it once
                os.read(fd, timerfd.COUNT)
            changed()

        def stop() -> None:
            loop.remove_reader(fd)
            os.close(fd)

        loop.add_reader(fd, take)
        return stop


def zone() -> str:
    """The time zone by name, as $TZ or the link /etc/localtime has it; else by the names of its winter and summer."""
    named = os.environ.get("TZ")
    if named:
        return named
    try:
        target = os.readlink(_LOCALTIME)
    except OSError:
        return "/".join(time.tzname)
    return target.partition(_ZONES)[2] or target


def _slept_ns() -> int:
    """How long the machine has slept: one clock less the other, read so closely that nothing came between."""
    slept_ns = 0
    for _ in range(_TRIES):
        before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        slept_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - before_ns
        if time.clock_gettime_ns(time.CLOCK_MONOTONIC) - before_ns < _SURE_NS:
            break
    return slept_ns
