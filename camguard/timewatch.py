"""The clocks, followed for the guard: what happened to them is reported before whatever else happened since."""

from __future__ import annotations

import logging
from collections.abc import Callable

from camguard.core.events import Report
from camguard.core.timekeeping import Timekeeping
from camguard.errors import SensorError
from camguard.ports import Timekeeper

log = logging.getLogger(__name__)


class TimeWatch:
    """Without a timekeeper there is never anything to report."""

    def __init__(self, keeper: Timekeeper | None) -> None:
        self._keeper = keeper
        self._times = None if keeper is None else Timekeeping(keeper.read())
        self._stop: Callable[[], None] | None = None

    def follow(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever there may be something new; where that cannot be, it is found at the next event."""
        if self._keeper is None:
            return
        try:
            self._stop = self._keeper.follow(changed)
        except SensorError as error:
            log.warning("that the machine woke, or its clock was set, is noticed late: %s", error)

    def changes(self) -> list[Report]:
        """What the clocks have to tell since this was asked last."""
        if self._keeper is None or self._times is None:
            return []
        return self._times.changes(self._keeper.read())

    def close(self) -> None:
        """Follow no more."""
        if self._stop is not None:
            self._stop()
            self._stop = None
