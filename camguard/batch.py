"""What comes to the engine's consumer, and what some of it comes to together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from camguard.blocking import Blow
from camguard.core.casebook import Digest, Identity
from camguard.core.events import Report, Sighting
from camguard.core.model import Moment
from camguard.core.switchboard import Turn

Act = Callable[[Moment], Sequence[Report]]
"""Does something to the engine's state and says what there is to report of it."""


class Companion(Protocol):
    """What goes on beside the engine for as long as it runs. `trouble` is what it has found wrong, None for nothing."""

    trouble: str | None

    async def run(self, ask: Callable[[Act], Awaitable[tuple[Report, ...]]]) -> None:
        """Go on until cancelled; `ask` has the engine do and write something. What it raises ends the guard."""


@dataclass(frozen=True, slots=True)
class Identified:
    """It was found out who is behind an activation."""

    number: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants something done in turn with everything else, and waits for its reports."""

    act: Act
    done: asyncio.Future[tuple[Report, ...]]


@dataclass(frozen=True, slots=True)
class Due:
    """The time has come for something."""


Event = Sighting | Identified | Asked | Due


@dataclass(slots=True)
class Batch:
    """What some events came to: what to write, then who waits for which of it, then what to do."""

    digest: Digest = field(default_factory=Digest)
    asked: list[tuple[int, int, asyncio.Future[tuple[Report, ...]]]] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def add(self, later: Batch) -> None:
        """Append what later events came to."""
        before = len(self.digest.reports)
        self.digest.add(later.digest)
        self.asked += [(before + begin, before + end, done) for begin, end, done in later.asked]
        self.blows += later.blows
        self.turns += later.turns
