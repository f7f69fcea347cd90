"""An icon on a running event loop: what it shows, when panels are told, and what is done when it is clicked."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from dbus_fast.aio.message_bus import MessageBus
from PIL import Image

from camguard.desktop.statusnotifier.bubbles import Bubble
from camguard.desktop.statusnotifier.item import MENU_PATH, PATH, Face, Item
from camguard.desktop.statusnotifier.menu import MenuInterface
from camguard.desktop.statusnotifier.pacer import Pacer
from camguard.desktop.statusnotifier.pixmaps import Pixmap, pixmaps
from camguard.desktop.statusnotifier.rows import rows_of
from camguard.desktop.statusnotifier.tree import Node, Tree
from camguard.desktop.statusnotifier.watcher import Presence
from camguard.desktop.trayapi import Menu, MenuItem

log = logging.getLogger(__name__)


class Shown(NamedTuple):
    """What is to be shown; `title` may have more lines for the tool tip."""

    image: Image.Image | None
    title: str
    menu: Menu | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose icon it is. All of this is called on the loop, and what it raises is logged.

    `look` says what is to be shown now. `choose` does what a row is for, and may return what is to be awaited. `stands`
    hears that a panel has taken the icon, or that none does.
    """

    name: str
    look: Callable[[], Shown]
    choose: Callable[[MenuItem], object]
    stands: Callable[[], None]


class Indicator:
    """Shows what its owner says on the panels of a session."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._face = self._told = Face()
        self._image: tuple[bytes, tuple[Pixmap, ...]] = b"", ()
        self._default: MenuItem | None = None
        self._tree = Tree()
        self._interfaces: tuple[Item, MenuInterface] | None = None
        self._pacer = Pacer(self._round)
        self._presence = Presence(self._export, lambda: self._guarded(owner.stands))
        self._wanted = False
        self._keeping: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bubble = Bubble()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def presence(self) -> Presence:
        """How the icon stands with the panel."""
        return self._presence

    async def failure(self) -> None:
        """Wait until something goes wrong that should not, and raise it."""
        await self._failure

    def touch(self) -> None:
        """Look at what the owner shows, soon; panels are told of it a few times a second at most."""
        if self._wanted:
            self._pacer.ask()

    def want(self, *, visible: bool) -> None:
        """Be there, or be gone."""
        self._wanted = visible
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle())

    async def close(self) -> None:
        """Be gone for good, with everything that is still going on."""
        self.want(visible=False)
        if self._settling is not None:
            await self._settling
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def notify(self, title: str, text: str) -> None:
        """Show a notification, where there is a bus."""
        if (bus := self._presence.bus) is None:
            log.warning("a notification was not shown: the icon has no connection to the session")
        else:
            self._start("a notification was not shown", self._bubble.show(bus, self._owner.name, title, text))

    def remove_notification(self) -> None:
        """Take the notification away."""
        if (bus := self._presence.bus) is not None:
            self._start("a notification was not taken away", self._bubble.remove(bus))

    async def _settle(self) -> None:
        """Do what is wanted, one after the other. Only the end of a connection takes an icon off every panel."""
        while self._wanted != (self._keeping is not None):
            if self._wanted:
                self._look()
                self._told = self._face
                self._tree.take_change()
                self._keeping = asyncio.create_task(self._presence.keep())
                self._keeping.add_done_callback(self._kept)
            elif self._keeping is not None:
                self._pacer.stop()
                self._keeping.cancel()
                await asyncio.gather(self._keeping, return_exceptions=True)
                self._keeping = None

    def _kept(self, keeping: asyncio.Task[None]) -> None:
        if not keeping.cancelled() and (error := keeping.exception()) and not self._failure.done():
            self._failure.set_exception(error)

    def _export(self, bus: MessageBus) -> None:
        """Put the icon on a bus. The interfaces are new each time: dbus-fast's keep a bus that they once were on."""
        item = Item(self._owner.name, lambda: self._face, self._activate)
        menu = MenuInterface(self._tree, self._clicked, self._refresh)
        bus.export(PATH, item)
        bus.export(MENU_PATH, menu)
        self._interfaces = item, menu

    # What is shown.

    def _round(self) -> None:
        """Look, and tell panels what has changed since they were last told."""
        self._look()
        change = self._tree.take_change()
        told, self._told = self._told, self._face
        if self._interfaces is not None and self._presence.bus is not None:
            item, menu = self._interfaces
            item.tell(told)
            menu.tell(change)

    def _refresh(self) -> bool:
        """Look before the menu is opened; whether there is anything that panels have not been told."""
        if self._look():
            self.touch()
        return self._pacer.is_waiting

    def _look(self) -> bool:
        """Take over what the owner shows, and whether the menu differs. What cannot be made stays as it was."""
        try:
            image, title, menu = self._owner.look()
            rows = rows_of(menu)
            self._default = next((item for item in menu or () if item.default), None)
            self._face = Face(title, self._pixmaps(image), is_menu=self._default is None)
        except Exception:
            log.exception("the icon or its menu cannot be made; it stays as it was")
            return False
        return self._tree.show(rows)

    def _pixmaps(self, image: Image.Image | None) -> tuple[Pixmap, ...]:
        """The picture for panels, made again only where it is another: it may have been drawn over."""
        if image is None:
            return ()
        known, made = self._image
        drawn = b"%s %d %s" % (image.mode.encode(), image.width, image.tobytes())
        if drawn != known:
            made = pixmaps(image)
            self._image = drawn, made
        return made

    # What is clicked. The panel gets its answer first, for some wait for it.

    def _clicked(self, node: Node) -> None:
        if node.item is not None:
            label = str(node.properties.get("label", ""))
            asyncio.get_running_loop().call_soon(self._do, node.item, f"the menu's row {label!r} failed")

    def _activate(self) -> bool:
        if self._default is not None:
            asyncio.get_running_loop().call_soon(self._do, self._default, "the icon's default action failed")
        return self._default is not None

    def _do(self, item: MenuItem, failed: str) -> None:
        def choose() -> None:
            result = self._owner.choose(item)
            if inspect.isawaitable(result):
                self._start(failed, result)

        self._guarded(choose, failed)
        self.touch()

    def _start(self, failed: str, work: Awaitable[object]) -> None:
        async def done() -> None:
            try:
                await work
            except Exception:
                log.exception("%s", failed)
            self.touch()

        task = asyncio.create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _guarded(self, work: Callable[[], None], failed: str = "the icon's owner failed") -> None:
        try:
            work()
        except Exception:
            log.exception("%s", failed)
