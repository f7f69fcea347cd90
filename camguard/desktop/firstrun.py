"""The first start: in three sentences what the tray does, with the service and a test alert to choose from."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from camguard.desktop.cards import Card
from camguard.desktop.link import Link

log = logging.getLogger(__name__)

SENTENCES = (
    "camguard tells you at once when a program uses your camera unexpectedly.",
    "Its icon shows whether the camera is in use, its menu turns it off.",
    "It keeps a log here, without pictures.",
)
"""Short enough for notifications that show six lines."""
NO_SERVICE = "Without the service it sees your own programs only."

_PATIENCE_S = 15.0
_LOOK_S = 0.25


class FirstRun:
    """Knows by a file in the user's folder whether the tray has ever explained itself."""

    def __init__(self, state: Path) -> None:
        self._mark = state / "greeted"

    async def greet(self, tell: Callable[[str, Card], Awaitable[bool]], link: Link, command: str) -> None:
        """Explain what there is, at each start until somebody could see that."""
        if self._mark.exists():
            return
        service = await _served(link)
        if await tell("welcome", card(service=service)):
            self._mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark.touch()
        log.info("%s", os.linesep.join(SENTENCES))
        if not service:
            log.info("%s Install it: sudo %s service install", NO_SERVICE, command)


def card(*, service: bool) -> Card:
    """The welcome."""
    install = () if service else (("install", "How to install the service"),)
    body = " ".join(SENTENCES if service else (*SENTENCES, NO_SERVICE))
    return Card("camguard guards your camera", body, critical=True, buttons=(("test", "Test my alert"), *install))


async def _served(link: Link) -> bool:
    """Whether a service guards; waits a little for the first guard to be found."""
    for _ in range(round(_PATIENCE_S / _LOOK_S)):
        if link.guarded is not None:
            return link.guarded.service
        await asyncio.sleep(_LOOK_S)
    return False
