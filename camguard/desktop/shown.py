"""The cards on the screen, kept as they should be: shown, replaced, withdrawn; tried again where that fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from camguard.desktop.cards import Card, number_of_key, without_buttons
from camguard.desktop.notifications import Notifications
from camguard.errors import NotShown

log = logging.getLogger(__name__)

FIRST_AGAIN_S, LONGEST_AGAIN_S = 2.0, 60.0
"""After how long a card that could not be shown is tried again; the double each time."""


class Screen:
    """What is shown now. A card of `keep` stays until it is left out, one of `tell` until it goes by itself."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self._shown: dict[str, Card] = {}
        self._unsure: set[str] = set()
        """The cards that may be on the screen from before something failed."""
        self._buttons: bool | None = None
        self._pause_s = FIRST_AGAIN_S
        self._tried_s: float | None = None

    @property
    def again_s(self) -> float | None:
        """In how many seconds `keep` has to be called again, since something could not be shown."""
        return None if self._tried_s is None else max(0.0, self._tried_s + self._pause_s - time.monotonic())

    async def keep(self, wanted: Mapping[str, Card]) -> None:
        """Have these on the screen, and none that was kept before."""
        if self._tried_s is not None and self.again_s:
            return
        try:
            # While one is shown, what is told, clicked or forgotten meanwhile changes `_shown` too.
            for key in (self._shown.keys() | self._unsure) - wanted.keys():
                await self._notifications.withdraw(key)
                self.gone(key)
            for key, card in wanted.items():
                if self._shown.get(key) != card:
                    self._shown[key] = card
                    await self._show(key, card)
        except NotShown as error:
            self._failed(error)
            return
        self._tried_s, self._pause_s = None, FIRST_AGAIN_S

    async def tell(self, key: str, card: Card) -> bool:
        """Show a card once, in the place of one that was kept under that key; whether that could be done."""
        self.gone(key)
        try:
            await self._show(key, card)
        except NotShown as error:
            self._failed(error)
            return False
        return True

    def gone(self, key: str) -> None:
        """A card is not on the screen any more, by a click."""
        self._shown.pop(key, None)
        self._unsure.discard(key)

    def forgotten(self) -> None:
        """None is on the screen any more: who showed them is another now."""
        self._shown.clear()
        self._unsure.clear()
        self._buttons = None

    async def _show(self, key: str, card: Card) -> None:
        if self._buttons is None:
            self._buttons = (await self._notifications.reach()).buttons
        await self._notifications.show(key, card if self._buttons else without_buttons(card, number_of_key(key)))

    def _failed(self, error: NotShown) -> None:
        if self._tried_s is None:
            log.warning("%s", error)
        else:
            self._pause_s = min(2 * self._pause_s, LONGEST_AGAIN_S)
        self._tried_s = time.monotonic()
        self._unsure |= self._shown.keys()
        self._shown.clear()
        self._buttons = None
