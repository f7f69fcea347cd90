"""Our icon, served on a running loop, and what came of clicks on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.statusnotifier import watcher
from camguard.desktop.statusnotifier.backend import Icon
from camguard.desktop.trayapi import Menu, MenuItem
from tests.support.privatebus import PrivateBus


@contextmanager
def session_bus(folder: Path) -> Iterator[PrivateBus]:
    """A bus that is the session's for this process."""
    found = PrivateBus(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DBUS_SESSION_BUS_ADDRESS", found.address)
        patched.setattr(watcher, "SHORTEST_PAUSE_S", 0.01)
        found.start()
        yield found
        found.stop()


class Deeds:
    """What was done by clicks, and what was heard about registration."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.standing: list[tuple[bool, str | None]] = []

    def item(self, label: str, **options: Any) -> MenuItem:
        return MenuItem(label, partial(self.do, label), **options)

    def do(self, label: str, *_: object) -> None:
        self.done.append(label)


@asynccontextmanager
async def served(deeds: Deeds, menu: Menu | None = None, title: str = "camguard") -> AsyncIterator[Icon]:
    """An icon on the running loop."""

    def stands(registered: bool) -> None:
        deeds.standing.append((registered, icon.trouble))

    icon = Icon("camguard", draw(Look.IDLE), title, menu, on_registration=stands)
    serving = asyncio.create_task(icon.serve())
    try:
        yield icon
        assert not serving.done(), "the icon went"
    finally:
        icon.stop()
        await serving


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    def run(bus: PrivateBus, deeds: Deeds) -> None:
        asyncio.run(test(bus, deeds))

    return run
