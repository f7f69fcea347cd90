"""A session bus of a test's own, and on it somebody who takes icons as a panel does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.annotations import DBusSignature, DBusStr
from dbus_fast.constants import ErrorType, MessageType
from dbus_fast.errors import DBusError
from dbus_fast.message import Message
from dbus_fast.service import ServiceInterface, dbus_method
from dbus_fast.signature import Variant

from camguard.desktop.statusnotifier.watcher import WATCHER, WATCHER_PATH
from tests.support.privatebus import until

ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"

Nothing = Annotated[None, DBusSignature("")]


class _Watcher(ServiceInterface):
    def __init__(self, taken: Callable[[str], None]) -> None:
        super().__init__(WATCHER)
        self._taken = taken

    @dbus_method("RegisterStatusNotifierItem")
    def register(self, service: DBusStr) -> Nothing:
        self._taken(service)


class Panel:
    """A panel's side of the bus: takes icons, reads them, clicks, and counts what it is told."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.refusals = 0
        """How many icons it does not take, from now on."""
        self.items: list[str] = []
        """The bus names of the icons it was told of, in turn."""
        self.told: Counter[str] = Counter()
        """The signals from icons, by name."""

    @property
    def item(self) -> str:
        """The icon that it was told of last."""
        return self.items[-1]

    async def told_of(self, count: int = 1) -> str:
        """Wait until it was told of so many icons, and give the last."""
        await until(f"{count} registrations", lambda: len(self.items) >= count)
        return self.item

    async def ask(self, path: str, interface: str, member: str, signature: str, *body: Any) -> Any:
        """What a call to the icon returns. Raises DBusError where it is an error."""
        answer = await self.bus.call(Message(self.item, path, interface, member, signature=signature, body=list(body)))
        assert answer is not None
        if answer.message_type is MessageType.ERROR:
            raise DBusError(answer.error_name or "", answer.body[0])
        return answer.body[0] if len(answer.body) == 1 else answer.body

    async def properties(self) -> dict[str, Any]:
        """Everything that the icon shows."""
        found = await self.ask("/StatusNotifierItem", "org.freedesktop.DBus.Properties", "GetAll", "s", ITEM)
        return {name: variant.value for name, variant in found.items()}

    async def menu(self, member: str, signature: str, *body: Any) -> Any:
        """What a call to the menu returns."""
        return await self.ask("/MenuBar", MENU, member, signature, *body)

    async def rows(self) -> dict[str, int]:
        """The numbers of the menu's rows by their labels, all levels in one."""
        _, layout = await self.menu("GetLayout", "iias", 0, -1, [])
        found: dict[str, int] = {}

        def read(below: list[Variant]) -> None:
            for row in below:
                number, properties, children = row.value
                label = properties["label"].value if "label" in properties else "-"
                found[label] = number
                read(children)

        read(layout[2])
        return found

    async def click(self, number: int) -> None:
        """Click a row of the menu."""
        await self.menu("Event", "isvu", number, "clicked", Variant("i", 0), 0)

    async def ask_bus(self, member: str, text: str) -> list[Any]:
        """What the bus itself answers."""
        bus = "org.freedesktop.DBus"
        answer = await self.bus.call(Message(bus, "/org/freedesktop/DBus", bus, member, signature="s", body=[text]))
        assert answer is not None
        return answer.body

    async def has(self, name: str) -> bool:
        """Whether somebody of that name is on the bus."""
        return bool((await self.ask_bus("NameHasOwner", name))[0])

    async def loses(self, name: str) -> None:
        """Wait until nobody of that name is on the bus."""

        async def is_gone() -> bool:
            return not await self.has(name)

        await until(f"{name} goes", is_gone)

    async def synchronise(self) -> None:
        """Wait until everything that the icon sent before now has arrived."""
        await self.ask("/StatusNotifierItem", "org.freedesktop.DBus.Peer", "Ping", "")

    def take(self, service: str) -> None:
        """Hear of an icon."""
        if self.refusals:
            self.refusals -= 1
            raise DBusError(ErrorType.FAILED, "no room")
        self.items.append(service)

    def hear(self, message: Message) -> None:
        """Count a signal."""
        if message.message_type is MessageType.SIGNAL and message.interface in (ITEM, MENU):
            self.told[message.member or ""] += 1


@asynccontextmanager
async def panel(address: str, *, refusals: int = 0) -> AsyncIterator[Panel]:
    """A panel for as long as the context lasts."""
    bus = await MessageBus(address).connect()
    ended = asyncio.ensure_future(bus.wait_for_disconnect())
    try:
        found = Panel(bus)
        found.refusals = refusals
        bus.export(WATCHER_PATH, _Watcher(found.take))
        bus.add_message_handler(found.hear)
        for interface in (ITEM, MENU):
            await found.ask_bus("AddMatch", f"type='signal',interface='{interface}'")
        await bus.request_name(WATCHER)
        yield found
    finally:
        bus.disconnect()
        await asyncio.wait({ended})
        ended.exception()
