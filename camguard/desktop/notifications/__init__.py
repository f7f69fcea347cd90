"""Showing cards as notifications: what whoever shows them offers, whichever desktop it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from camguard.desktop.cards import Card


@dataclass(frozen=True, slots=True)
class Reached:
    """Who shows notifications here: its name and version, and whether it shows buttons. `how` is the library's name.

    `hears`: what a person does with a card is told, if only that it was closed.
    """

    server: str
    buttons: bool
    how: str
    hears: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """What is called, on the event loop, when a person does something: the card's key, then which button.

    `dismissed` is a card that a person closed, `expired` one that went by itself; `forgotten` says that all are gone,
    since whoever showed them is another now.
    """

    pressed: Callable[[str, str], None]
    dismissed: Callable[[str], None]
    expired: Callable[[str], None]
    forgotten: Callable[[], None]


class Notifications(Protocol):
    """Shows cards, each under a key: a second one under the same key takes the place of the first."""

    async def reach(self) -> Reached:
        """Who shows notifications. Raises NotShown where nobody does."""

    async def show(self, key: str, card: Card) -> None:
        """Show a card. Raises NotShown, with the reason, where that cannot be done now."""

    async def withdraw(self, key: str) -> None:
        """Take a card away; nothing where it is gone already."""

    async def close(self) -> None:
        """Show nothing more. What has buttons is taken away, since nobody hears of them; the rest goes by itself."""
