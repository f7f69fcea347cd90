"""A test alert, end to end: who shows it, with which buttons, and what came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from camguard.desktop.deeds import test_card
from camguard.desktop.notifications import Heard, Reached
from camguard.desktop.notifications.choose import notifications
from camguard.errors import NotShown

_KEY = "test"


@dataclass(frozen=True, slots=True)
class Report:
    """What arrived. `answer` is ``clicked``, ``closed``, ``expired``, or None where nothing came in time."""

    reached: Reached | None
    shown: bool
    answer: str | None
    waited_s: int
    why: str | None = None

    def as_object(self) -> dict[str, Any]:
        """The same for programs."""
        reached = self.reached
        return {
            "shown": self.shown,
            "server": None if reached is None else reached.server,
            "library": None if reached is None else reached.how,
            "buttons": None if reached is None else reached.buttons,
            "answer": self.answer,
            "waited_s": self.waited_s,
            "why": self.why,
        }

    def sentences(self) -> list[tuple[str, bool]]:
        """The same for people, each with whether it is as it should be."""
        said: list[tuple[str, bool]] = []
        if self.reached is not None:
            said.append((f"Notifications are shown by {self.reached.server}.", True))
        if not self.shown:
            return [*said, (f"The alert did not arrive: {self.why}", False)]
        if self.reached is not None and not self.reached.buttons:
            said.append(
                ("It shows no buttons: answer in the menu of the tray's icon, or with `camguard alerts`.", False)
            )
        match self.answer:
            case "clicked":
                said.append(("It arrived, and so did your click.", True))
            case "closed":
                said.append(("It arrived, and you closed it.", True))
            case "expired":
                said.append(("It was shown, and went by itself before anybody clicked.", False))
            case _ if self.waited_s:
                said.append((f"It was handed over to be shown; in {self.waited_s} s nobody closed it.", False))
            case _:
                said.append(("It was handed over to be shown.", True))
        return said


async def try_alert(wait_s: int) -> Report:
    """Show a harmless alert, and wait so long for what a person does with it; it is taken away afterwards."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def answer(word: str) -> None:
        if not answered.done():
            answered.set_result(word)

    ways = notifications(
        Heard(lambda *_: answer("clicked"), lambda _: answer("closed"), lambda _: answer("expired"), lambda: None)
    )
    reached: Reached | None = None
    try:
        reached = await ways.reach()
        await ways.show(_KEY, test_card())
        heard = await _within(answered, wait_s) if reached.hears else None
        await ways.withdraw(_KEY)
    except NotShown as error:
        return Report(reached, shown=False, answer=None, waited_s=wait_s, why=str(error))
    finally:
        await ways.close()
    return Report(reached, shown=True, answer=heard, waited_s=wait_s if reached.hears else 0)


async def _within(answered: asyncio.Future[str], wait_s: int) -> str | None:
    try:
        async with asyncio.timeout(wait_s):
            return await answered
    except TimeoutError:
        return None
