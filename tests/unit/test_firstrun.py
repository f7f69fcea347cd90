"""The tray explains itself until somebody could see that, and then never again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from camguard.desktop.cards import Card
from camguard.desktop.firstrun import FirstRun
from camguard.desktop.link import Guarded, Link

LINK = cast("Link", SimpleNamespace(guarded=Guarded("The service", service=True)))


def greet(state: Path, *, shown: bool) -> list[str]:
    """One start of the tray; the titles of what it said."""
    told: list[str] = []

    async def tell(_: str, card: Card) -> bool:
        told.append(card.title)
        return shown

    asyncio.run(cast("Any", FirstRun(state).greet(tell, LINK, "camguard")))
    return told


def test_it_is_said_again_where_nobody_could_see_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert greet(state, shown=False) == greet(state, shown=True) == ["camguard guards your camera"]
    assert greet(state, shown=True) == []
