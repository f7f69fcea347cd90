"""The rules in force: those of the file when it could last be used, without those that were for one use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from camguard.core.events import Blinded, Kind, Report, SightRestored
from camguard.core.model import Rule
from camguard.errors import CamguardError, ConfigError
from camguard.ports import Clock, Rules

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""How soon what the disk did not take is tried again."""


class InForce:
    """What the guard judges by. `rules` are those of the last `look`."""

    def __init__(self, file: Rules, clock: Clock) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._file = file
        self._clock = clock
        self._broken: str | None = None
        self._spent: set[str] = set()

    def look(self) -> Blinded | SightRestored | None:
        """Read the file again where it changed; returns what there is to tell where it broke, or was mended."""
        try:
            found = self._file.current()
        except ConfigError as error:
            if self._broken == str(error):
                return None
            self._broken = str(error)
            return Blinded("rules", f"{error} The rules read before stay in force.", self._clock.now())
        self.rules = tuple(rule for rule in found if rule.id not in self._spent) if self._spent else found
        if self._broken is None:
            return None
        self._broken = None
        return SightRestored("rules", self._clock.now())

    def spend(self, rule_id: str) -> None:
        """A rule was for one use, and this was it: it holds no longer. Its id is never given to another."""
        self._spent.add(rule_id)

    async def remove(self, rule_id: str, record: Callable[[Report], Awaitable[Report]]) -> None:
        """Take a spent rule out of the file too, as soon as that can be done."""
        trouble = None
        while True:
            try:
                removed = await asyncio.to_thread(self._file.remove, rule_id)
                break
            except CamguardError as error:
                if trouble != str(error):
                    trouble = str(error)
                    log.error("rule %s was for one use, and cannot be removed: %s", rule_id, error)  # noqa: TRY400
                await asyncio.sleep(RETRY_S)
        if removed is not None:
            extra = {"rule": rule_id, "why": "it was for one use"}
            await record(Report(Kind.RULE_REMOVED, self._clock.now(), extra=extra))
