"""The time on Linux: wall clock, local offset, and the boot clock that counts through suspend."""

from __future__ import annotations

import time

from camguard.core.model import NANOSECONDS, Moment
from camguard.platform.linux import procfs
from camguard.ports import Clock

_ZONE_REREAD_NS = 60 * NANOSECONDS


class LinuxClock:
    """Tells the time by CLOCK_REALTIME and CLOCK_BOOTTIME (clock_gettime(2)); cheap enough for every event."""

    def __init__(self, proc: str = "/proc") -> None:
        self._boot_id = procfs.boot_id(proc)
        self._zone_read_ns = -_ZONE_REREAD_NS

    def now(self) -> Moment:
        """This moment."""
        boottime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        if boottime_ns - self._zone_read_ns >= _ZONE_REREAD_NS:
            # localtime_r(3) never looks at /etc/localtime again by itself: a traveller's new zone would be missed.
            time.tzset()
            self._zone_read_ns = boottime_ns
        utc_ns = time.time_ns()
        return Moment(utc_ns, time.localtime(utc_ns // NANOSECONDS).tm_gmtoff, boottime_ns, self._boot_id)


class ForwardClock:
    """A clock for what is delivered in order, though its stamps are taken in several threads: time never runs back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest: Moment | None = None

    def now(self) -> Moment:
        """This moment, or the latest that was given out where that is later."""
        return self.not_before(self._clock.now())

    def not_before(self, at: Moment) -> Moment:
        """A stamp that was taken elsewhere, or the latest that was given out where that is later."""
        if self._latest is None or at.boottime_ns >= self._latest.boottime_ns:
            self._latest = at
        return self._latest
