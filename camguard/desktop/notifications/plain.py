"""Notifications without buttons, by plyer: where there is no session bus, and on systems without one.

On Linux plyer may run ``notify-send``, to which a title that begins with ``-`` is an option: titles are our own.
"""

from __future__ import annotations

import asyncio
import os
import sys
import warnings

from camguard.desktop.cards import APP_NAME, Card
from camguard.desktop.notifications import Reached
from camguard.errors import NotShown

_SHOWN_S = 20


class PlainNotifications:
    """A `Notifications` that shows text and hears nothing of it again."""

    async def reach(self) -> Reached:
        """Who shows notifications: plyer, which does not tell who that is in the end, nor that there is nobody."""
        if sys.platform == "linux" and not os.environ.get("DISPLAY"):
            raise NotShown("there is no desktop here; run this in a desktop session, or set DBUS_SESSION_BUS_ADDRESS")
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
    from plyer import notification

    warnings.filterwarnings("ignore", module="plyer")  # about what it would rather have had
    notification.notify(title=card.title, message=card.body, app_name=APP_NAME, timeout=card.expires_s or _SHOWN_S)
