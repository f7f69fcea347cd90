"""Notifications without buttons, by plyer: where there is no session bus, and on systems without one.

On Linux plyer may run ``notify-send``, to which a title that begins with ``-`` is an option: titles are our own.
"""

from __future__ import annotations

import asyncio
import logging

from camguard.desktop.cards import APP_NAME, Card
from camguard.desktop.notifications import Reached
from camguard.errors import NotShown

log = logging.getLogger(__name__)

_SHOWN_S = 20


class PlainNotifications:
    """A `Notifications` that shows text and hears nothing of it again."""

    async def reach(self) -> Reached:
        """Who shows notifications: plyer, which does not tell who that is in the end."""
        return Reached("the desktop", buttons=False, how="plyer", hears=False)

    async def show(self, key: str, card: Card) -> None:  # noqa: ARG002  # nothing shown can be named again
        """Show a card."""
        try:
            await asyncio.to_thread(_notify, card)
        except Exception as error:
            raise NotShown(f"no notification could be shown ({error})") from error

    async def withdraw(self, key: str) -> None:
        """Nothing: what was shown goes by itself."""

    async def close(self) -> None:
        """Nothing is held."""


def _notify(card: Card) -> None:
    from plyer import notification  # chooses its backend when it is imported

    notification.notify(title=card.title, message=card.body, app_name=APP_NAME, timeout=card.expires_s or _SHOWN_S)
