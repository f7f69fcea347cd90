"""What the clocks say beside the time: that the machine slept, that somebody set the clock, that it is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Moment
from camguard.core.records import moment

LEAST_NS = NANOSECONDS
"""A sleep, or a clock that was set, by less than this is not told: clocks are set right by parts of a second often."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one moment.

    `slept_ns` is how long the machine has slept since it was started: CLOCK_BOOTTIME less CLOCK_MONOTONIC (see
    clock_gettime(2)). `zone` names the time zone; it stays the same when summer time begins or ends.
    """

    at: Moment
    slept_ns: int
    zone: str


class Timekeeping:
    """Compares each reading with the one before; `first` is where it begins."""

    def __init__(self, first: Reading) -> None:
        self._last = first
        self._ahead_ns = first.at.utc_ns - first.at.boottime_ns

    def changes(self, now: Reading) -> list[Report]:
        """What happened since the last reading.

        That the machine slept is known once it is awake. Then it is told exactly, as long as this is asked for at
        once: until then the sleep is taken to have ended at this moment.
        """
        reports: list[Report] = []
        before, self._last = self._last, now
        jump_ns = now.at.utc_ns - now.at.boottime_ns - self._ahead_ns
        changed = abs(jump_ns) >= LEAST_NS
        by_the_old_clock = replace(now.at, utc_ns=now.at.utc_ns - jump_ns) if changed else now.at
        slept_ns = now.slept_ns - before.slept_ns
        if slept_ns >= LEAST_NS:
            extra = {"from": moment(_earlier(by_the_old_clock, slept_ns)), "to": moment(by_the_old_clock)}
            reports.append(Report(Kind.MACHINE_SLEPT, now.at, extra=dict(extra)))
        if changed:
            self._ahead_ns += jump_ns
            extra = {"from": moment(by_the_old_clock), "to": moment(now.at)}
            reports.append(Report(Kind.CLOCK_CHANGED, now.at, extra=dict(extra)))
        if now.zone != before.zone:
            zones = {"from": before.zone, "to": now.zone, "utc_offset_s": now.at.utc_offset_s}
            reports.append(Report(Kind.ZONE_CHANGED, now.at, extra=dict(zones)))
        return reports


def _earlier(at: Moment, ns: int) -> Moment:
    return replace(at, utc_ns=at.utc_ns - ns, boottime_ns=at.boottime_ns - ns)
