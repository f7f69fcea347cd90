"""Still on? Expected uses that outlive a time, or go on while the screen is locked or nobody is there.

Pure: uses, hints and clocks in, reminders out. Whether a call's window is still open is not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from camguard.core.decisions import Decision
from camguard.desktop import words
from camguard.desktop.cards import Card
from camguard.desktop.uses import UseNow


class Cause(StrEnum):
    """Why somebody is reminded."""

    LONG = "long"
    LOCKED = "locked"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Hints:
    """What the session says of itself. None is "not known": a desktop that never says "locked" does not say "open"."""

    locked: bool | None = None
    idle: bool | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of what to remind. `after_s` is how long a use may last, None for as long as it likes."""

    after_s: float | None = 3600.0
    locked: bool = True
    idle: bool = True


class Reminders:
    """Remembers of what it reminded: of each use once for each time that it outlived, and once for each lock."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._times: dict[int, int] = {}
        self._told: dict[Cause, set[int]] = {Cause.LOCKED: set(), Cause.IDLE: set()}
        self._cards: dict[str, Card] = {}

    def cards(self, uses: tuple[UseNow, ...], hints: Hints, now_s: float) -> dict[str, Card]:
        """The reminders to be on the screen, by key: each until it is `gone`, or its use is.

        `now_s` is the monotonic clock.
        """
        going = {use.number: use for use in uses if use.capturing and use.expected}
        self._times = {number: times for number, times in self._times.items() if number in going}
        self._cards = {key: card for key, card in self._cards.items() if key in map(_key, going)}
        for number, use in going.items():
            cause = self._cause(number, use, hints, now_s)
            if cause is not None:
                self._cards[_key(number)] = _card(use, cause, now_s)
        for cause, holds in ((Cause.LOCKED, hints.locked), (Cause.IDLE, hints.idle)):
            self._told[cause] = self._told[cause] & going.keys() if holds else set()
        return dict(self._cards)

    def gone(self, key: str) -> None:
        """A reminder was answered or closed, or went by itself: it is not shown again."""
        self._cards.pop(key, None)

    def next_s(self, uses: tuple[UseNow, ...], now_s: float) -> float | None:
        """In how many seconds time alone makes a reminder due; None where it never does."""
        after = self._wanted.after_s
        if after is None:
            return None
        dues = [
            use.begun_s + after * (self._times.get(use.number, 0) + 1) - now_s
            for use in uses
            if use.capturing and use.expected and use.begun_s is not None
        ]
        return max(0.0, min(dues)) if dues else None

    def _cause(self, number: int, use: UseNow, hints: Hints, now_s: float) -> Cause | None:
        for cause, wanted, holds in (
            (Cause.LOCKED, self._wanted.locked, hints.locked),
            (Cause.IDLE, self._wanted.idle, hints.idle),
        ):
            if wanted and holds and number not in self._told[cause]:
                self._told[cause].add(number)
                return cause
        if self._wanted.after_s is None or use.begun_s is None:
            return None
        outlived = int((now_s - use.begun_s) // self._wanted.after_s)
        if outlived <= self._times.get(number, 0):
            return None
        self._times[number] = outlived
        return Cause.LONG


def _key(number: int) -> str:
    return f"reminder-a{number}"


def _card(use: UseNow, cause: Cause, now_s: float) -> Card:
    seconds = None if use.begun_s is None else now_s - use.begun_s
    sentence = words.going_on(use.told, seconds)
    ending = {
        Cause.LONG: ". Still needed? Make sure the camera is off when it is not.",
        Cause.LOCKED: ", and the screen is locked. Is it meant to be on?",
        Cause.IDLE: ", and nobody seems to be there. Is it meant to be on?",
    }[cause]
    return Card(
        title="Your camera is still on",
        body=sentence + ending,
        critical=cause is not Cause.LONG,
        buttons=(("end", words.LABELS[Decision.END]), ("seen", "Leave it on")),
    )
