"""Preserve, then end: what the process of a use has is looked at, and in the log, before the process is gone.

Expected uses are ended without that. Copies of programs are made afterwards, from files that were opened before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from camguard.core.belongings import Kept, kept, preserved
from camguard.core.events import Kind, Report
from camguard.core.model import Process
from camguard.ports import Gathered, Witness

LOOK_S = 0.25
"""How long ending a use on a person's word may wait for a look at one process; it takes a few milliseconds."""

GLANCE_S = 0.005
"""How long a blocked program keeps the camera for that, beyond what is done meanwhile in any case."""

Record = Callable[[Report], Awaitable[Report]]
"""Writes one report to the activation log before it returns."""

Seen = tuple[Gathered, ...]


@dataclass(frozen=True, slots=True)
class Preserving:
    """What is to be preserved of some processes, on whose word they are ended; `about` makes a report of it."""

    witness: Witness
    processes: tuple[Process, ...]
    by: str
    exe_sha256: str | None
    about: Callable[[Kind, dict[str, Any]], Report]

    def look(self, within_s: float) -> Seen:
        """What each process has, as far as it is found in that time. Blocking."""
        return tuple([self.witness.gather(process, within_s) for process in self.processes])

    async def note(self, record: Record, seen: Seen) -> None:
        """Write down what was seen."""
        found = preserved([each.belongings for each in seen], self.by, self.exe_sha256)
        await record(self.about(Kind.PRESERVED, dict(found)))

    async def keep(self, record: Record, seen: Seen) -> None:
        """Make the copies that are to be made, and write down which. What was seen holds no files afterwards."""
        copies = await asyncio.to_thread(self._keep_all, seen)
        if copies:
            await record(self.about(Kind.KEPT, dict(kept(copies, self.by))))

    def _keep_all(self, seen: Sequence[Gathered]) -> tuple[Kept, ...]:
        return tuple([copy for each in seen for copy in self.witness.keep(each)])
