"""How a command gets at the guard: through the service where one answers, else here and now by itself.

Both ways answer in the same shapes, so that a command need not know which of them it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from camguard.core.circumstance import Circumstance
from camguard.core.coverage import Sign
from camguard.core.decisions import Decision
from camguard.core.events import Kind
from camguard.core.model import App, Moment, Rule, Verdict
from camguard.core.power import Power
from camguard.core.records import Record
from camguard.ports import Tell

if TYPE_CHECKING:
    from camguard.journal.filter import Filter
    from camguard.journal.fold import ActivationRecord
    from camguard.journal.known import Known

CHANGES = (Kind.JUDGED, Kind.CAPTURING, Kind.ENDED, Kind.PROBE, Kind.FEEDING, Kind.FED, Kind.ACTION_COMPLETED)
"""What is told of an activation while following: not its first open, of which nothing is known for an instant."""


@dataclass(frozen=True, slots=True)
class Found:
    """A use that a person may mean: what is to be shown of it, and what names it to whoever ends it."""

    view: Record
    handle: object


class Access(Protocol):
    """All that a command can ask for. Each blocks, and raises a CamguardError where it cannot be done."""

    answered_by: str
    """Who answers, as a word for programs: ``service``, ``tray`` (the guard that a tray runs) or ``command``."""

    source: str
    """Who answers, as a sentence for people."""

    def status(self) -> Record:
        """How things stand: method, guard_pid, journal, cameras and uses, as `camguard.views` has them."""

    def uses(self, target: str) -> tuple[Found, ...]:
        """The uses that a person means by an activation (``a17``), a pid, or the name of an app.

        Raises NothingMatched where nothing of that kind goes on, UsageError where it is ambiguous.
        """

    def end(self, uses: tuple[Found, ...], tell: Tell) -> list[Record]:
        """End these uses, app by app; of each ``uses`` and the checked ``outcome``."""

    def decide(self, number: int, decision: Decision) -> Record:
        """Answer the alert about an activation, and do what the answer asks for; see `camguard.service.deciding`.

        Raises NothingMatched where there is no such activation, Refused where this user may not decide about it.
        """

    def switch(self, power: Power, camera: str | None, for_s: float | None, *, whole: bool) -> Record:
        """Switch a camera, or all; ``results`` says what was done, ``cameras`` how they stand now."""

    def rules(self) -> tuple[str, tuple[Rule, ...]]:
        """The file of the rules, and all of them that this user may see."""

    def add_rule(self, rule: Rule) -> tuple[str, Rule, Rule | None, str | None]:
        """Store a rule and log it; returns the file, the rule as stored, and the one it replaced.

        Last what the desktop's portal was told, as a sentence, where it has to do with it.
        """

    def remove_rule(self, rule_id: str) -> tuple[str, Rule, str | None]:
        """Take a rule away and log it; returns the file, the rule, and what the portal was told.

        Raises NothingMatched where there is none of that id, Refused for a rule that is shipped.
        """

    def explain(
        self,
        app: App,
        camera: str | None,
        user: str | None,
        at: Moment | None,
        held: frozenset[Circumstance] = frozenset(),
    ) -> Verdict:
        """What the rules would make of a use in these circumstances."""

    def activation(self, number: int) -> ActivationRecord | None:
        """One activation of the log."""

    def activations(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """The newest activations that match, oldest first; all of them where there is no limit."""

    def following(self, wanted: Filter) -> Iterator[ActivationRecord]:
        """Each activation that matches whenever something comes of it, from now on, for ever."""

    def signs(self) -> Iterator[Sign]:
        """All that the log says of when a guard was watching, the oldest first."""

    def watching_until(self) -> int | None:
        """Until when the guard of the last run watched, in UTC nanoseconds; None where none ever ran."""

    def known(self, begin_utc_ns: int, end_utc_ns: int, camera: str | None) -> Known:
        """All that the log knows of a time, as far as this user may; see `camguard.journal.coverage.known`."""

    def no_guard_yet(self) -> str | None:
        """The place of a log that no guard ever kept; None where one did."""

    def close(self) -> None:
        """Release what is held."""
