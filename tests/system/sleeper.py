"""Sets an alarm, has the machine sleep past it, and says when it rang: by the boot clock, and by the one that stands.

Runs in a machine of its own, which is not to be used afterwards: its shared folders do not survive the sleep, so that
everything is loaded before.
"""

from __future__ import annotations

import asyncio
import time

from camguard.core.model import NANOSECONDS
from camguard.platform.linux.alarm import LinuxAlarm

AFTER_S, SLEEP_S = 12, 20
"""Long, beside what a busy machine takes until it sleeps and once it wakes."""


async def main() -> None:
    """One line: ``rang BOOTTIME MONOTONIC``, seconds since the alarm was set by either clock."""
    over = asyncio.Event()
    alarm = LinuxAlarm(over.set)
    boottime_ns, monotonic_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.monotonic_ns()
    alarm.set(boottime_ns + AFTER_S * NANOSECONDS)
    await asyncio.create_subprocess_exec("rtcwake", "-m", "mem", "-s", str(SLEEP_S), stdout=asyncio.subprocess.DEVNULL)
    await over.wait()
    boottime_s = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boottime_ns) / NANOSECONDS
    monotonic_s = (time.monotonic_ns() - monotonic_ns) / NANOSECONDS
    print("rang", boottime_s, monotonic_s, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
