"""The icon in the panel: how things stand as a picture, and the menu's rows as pystray has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from camguard.desktop.icons import draw
from camguard.desktop.look import Look
from camguard.desktop.menu import LINE, Do, Row
from camguard.desktop.trayapi import Icon, Menu, MenuItem

NAME = "camguard"


class Tray:
    """An `agent.Panel`; `rows` are asked for whenever the menu is to be shown, `do` is called for what is clicked."""

    def __init__(self, kind: type[Icon], rows: Callable[[], tuple[Row, ...]], do: Callable[[Do], None]) -> None:
        """To be made on the event loop, on which `do` is called, from whichever thread the click comes."""
        self._loop = asyncio.get_running_loop()
        self._do = do
        self._look = Look.BLIND
        self._title = ""
        self._rows = rows
        self.icon = kind(NAME, draw(Look.BLIND), Look.BLIND.words, Menu(lambda: _items(rows(), self._click)))

    def show(self, look: Look, title: str) -> None:
        """Show this from now on."""
        if look is not self._look:
            self._look = look
            self.icon.icon = draw(look)
        if title != self._title:
            self._title = title
            self.icon.title = title
        self.icon.update_menu()

    def _click(self, do: Do, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._do, do)


def _items(rows: Iterable[Row], click: Callable[..., None]) -> list[MenuItem]:
    """The same as pystray has it. A click's action is the same object's over an equal `Do`: a row keeps its number."""
    return [Menu.SEPARATOR if row == LINE else _item(row, click) for row in rows]


def _item(row: Row, click: Callable[..., None]) -> MenuItem:
    if row.rows:
        return MenuItem(row.text, Menu(*_items(row.rows, click)))
    action = None if row.do is None else partial(click, row.do)
    return MenuItem(row.text, action, default=row.default, enabled=action is not None)
