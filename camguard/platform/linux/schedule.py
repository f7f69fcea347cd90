"""When to scan: at once where something is unclear, after a moment's quiet where it is not, never more than is fair.

All times are seconds of one monotonic clock. Pure.
"""

from __future__ import annotations

SCAN_SHARE = 0.2
SCAN_CREDIT_S = 0.2
"""Scans may use this share of a core; what was not used is kept for a burst, up to so much processor time."""

QUIET_S = 0.02
QUIET_AT_MOST_S = 2.0
"""A scan that only confirms what events told waits until opens and closes pause for so long, or that much in all:
scanning in the middle of a flurry would hold up the telling of the next open."""


class ScanSchedule:
    """Whether a scan is wanted, and when it may begin."""

    def __init__(self, now: float) -> None:
        self._credit_s = SCAN_CREDIT_S
        self._credit_at = now
        self._quiet_at = now
        self._at_latest: float | None = None
        self.wanted = False
        self.mappings = True
        """Whether the next scan is to look for those who kept nothing but a mapping too."""

    def want(self, *, mappings: bool = False) -> None:
        """Have a scan as soon as it is affordable."""
        self.wanted = True
        self._at_latest = None
        self.mappings |= mappings

    def want_when_quiet(self, now: float) -> None:
        """Have a scan once nothing has happened for a moment; one that is wanted sooner stays so."""
        if not self.wanted:
            self._at_latest = now + QUIET_AT_MOST_S
        self.wanted = True

    def stirred(self, now: float) -> None:
        """Something was opened or closed."""
        self._quiet_at = now + QUIET_S

    def due_at(self, now: float) -> float | None:
        """When the next scan may begin: `now`, or later; None where none is wanted."""
        if not self.wanted:
            return None
        self._earn(now)
        affordable = now if self._credit_s >= 0 else now - self._credit_s / SCAN_SHARE
        if self._at_latest is None:
            return affordable
        return max(affordable, min(self._quiet_at, self._at_latest))

    @property
    def unhurried(self) -> bool:
        """Whether the scan that is wanted only confirms what events told."""
        return self._at_latest is not None

    def begun(self) -> bool:
        """The scan begins; whether it is to look for mappings."""
        mappings, self.mappings, self.wanted, self._at_latest = self.mappings, False, False, None
        return mappings

    def spend(self, now: float, cost_s: float) -> None:
        """The scan took so much processor time."""
        self._earn(now)
        self._credit_s -= cost_s

    def _earn(self, now: float) -> None:
        self._credit_s = min(SCAN_CREDIT_S, self._credit_s + SCAN_SHARE * (now - self._credit_at))
        self._credit_at = now
