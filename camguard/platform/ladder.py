"""The steps taken to end one process or to switch one device, kept for the log and told as they are taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from camguard.core.model import Outcome, Result, Step
from camguard.ports import Tell


@dataclass(slots=True)
class Ladder:
    """Keeps and tells what was done about the process `pid`, or about a device, where that is None."""

    pid: int | None
    tell: Tell
    steps: list[Step] = field(default_factory=list)

    def step(self, what: str, result: str) -> None:
        """Something was done, and this came of it."""
        step = Step(self.pid, what, result)
        self.steps.append(step)
        self.tell(step)

    def outcome(self, result: Result, why: str | None = None) -> Outcome:
        """What all of it came to."""
        return Outcome(result, tuple(self.steps), why)
