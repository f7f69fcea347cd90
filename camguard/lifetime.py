"""The entries that say of a guard that it began, and that it stopped."""

from __future__ import annotations

import os

from camguard import __version__
from camguard.clockstate import clock_synchronised
from camguard.core.events import Kind, Report
from camguard.ports import Platform


def started(platform: Platform) -> Report:
    """A guard begins, on this platform and in this process."""
    extra = {
        "version": __version__,
        "pid": os.getpid(),
        "uid": os.getuid(),
        "platform": platform.name,
        "method": platform.method,
        "clock_synchronised": clock_synchronised(),
    }
    return Report(Kind.GUARD_STARTED, platform.clock.now(), extra=extra)


def stopped(platform: Platform) -> Report:
    """It was stopped, and has written down all that it had to."""
    return Report(Kind.GUARD_STOPPED, platform.clock.now(), extra={"pid": os.getpid()})
