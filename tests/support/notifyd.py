"""A notification daemon on a private bus that does what it is told, as real ones do it.

See https://specifications.freedesktop.org/notification-spec/latest/.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from dbus_fast import DBusError, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusInt32, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

from tests.support.privatebus import until

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
EXPIRED, DISMISSED, CLOSED, UNDEFINED = 1, 2, 3, 4

Words = Annotated[list[str], DBusSignature("as")]
Hints = Annotated[dict[str, Variant], DBusSignature("a{sv}")]
Information = Annotated[list[str], DBusSignature("ssss")]
Nothing = Annotated[None, DBusSignature("")]
ClosedSignal = Annotated[list[int], DBusSignature("uu")]
ActionSignal = Annotated[list[Any], DBusSignature("us")]


@dataclass(frozen=True)
class Shown:
    """One notification, as it was asked for."""

    replaces: int
    icon: str
    title: str
    body: str
    actions: tuple[str, ...]
    urgency: int
    timeout_ms: int

    @property
    def buttons(self) -> dict[str, str]:
        """Labels by the word that comes back."""
        return {
            word: label for word, label in zip(self.actions[::2], self.actions[1::2], strict=True) if word != "default"
        }


@dataclass
class Kind:
    """What a daemon is called and can do."""

    server: str = "Xfce Notify Daemon"
    capabilities: tuple[str, ...] = ("actions", "body", "body-markup", "icon-static")


XFCE = Kind()
DUNST = Kind("dunst", ("body",))
"""dunst as it is where no program to choose an action with is installed."""


@dataclass
class Daemon:
    """A daemon that runs."""

    kind: Kind
    shown: dict[int, Shown] = field(default_factory=dict)
    calls: list[Shown] = field(default_factory=list)
    refuse: str | None = None
    """The error that the next notifications are answered with."""
    stall: asyncio.Event | None = None
    """What is waited for before one is answered."""
    next_id: int = 1
    hurried: str | None = None
    """The button that is pressed before the caller knows the notification's number."""
    bus: MessageBus | None = None

    def __post_init__(self) -> None:
        self.interface = _Interface(self)

    @property
    def only(self) -> tuple[int, Shown]:
        """The one notification on the screen."""
        [found] = self.shown.items()
        return found

    def number(self, title: str) -> int:
        """The notification of that title."""
        [found] = [number for number, shown in self.shown.items() if shown.title == title]
        return found

    def click(self, number: int, word: str) -> None:
        """A person presses a button; the notification closes."""
        self.interface.ActionInvoked(number, word)
        self.close(number, DISMISSED)

    def close(self, number: int, reason: int) -> None:
        """It goes, for a reason."""
        del self.shown[number]
        self.interface.NotificationClosed(number, reason)

    async def leave(self) -> None:
        """Go, and leave nothing on the screen."""
        assert self.bus is not None
        self.shown.clear()
        self.bus.disconnect()
        ended: asyncio.Future[Any] = asyncio.ensure_future(self.bus.wait_for_disconnect())
        await asyncio.wait({ended})
        ended.exception()
        self.bus = None

    def notify(self, shown: Shown) -> int:
        """Show one, in the place of one that is there."""
        number = shown.replaces if shown.replaces in self.shown else self.next_id
        self.next_id = max(self.next_id, number + 1)
        self.shown[number] = shown
        self.calls.append(shown)
        return number


class _Interface(ServiceInterface):
    def __init__(self, daemon: Daemon) -> None:
        super().__init__(NAME)
        self._daemon = daemon

    @dbus_method()
    def GetServerInformation(self) -> Information:  # noqa: N802 - the specification's name
        return [self._daemon.kind.server, "test", "4.16", "1.2"]

    @dbus_method()
    def GetCapabilities(self) -> Words:  # noqa: N802
        return list(self._daemon.kind.capabilities)

    @dbus_method()
    async def Notify(  # noqa: N802
        self,
        app_name: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        summary: DBusStr,
        body: DBusStr,
        actions: Words,
        hints: Hints,
        timeout: DBusInt32,  # noqa: ASYNC109
    ) -> DBusUInt32:
        assert app_name == "camguard"
        if self._daemon.stall is not None:
            await self._daemon.stall.wait()
        if self._daemon.refuse is not None:
            raise DBusError("org.freedesktop.Notifications.Error", self._daemon.refuse)
        shown = Shown(replaces, icon, summary, body, tuple(actions), hints["urgency"].value, timeout)
        number = self._daemon.notify(shown)
        if self._daemon.hurried is not None:
            self._daemon.click(number, self._daemon.hurried)
        return number

    @dbus_method()
    def CloseNotification(self, number: DBusUInt32) -> Nothing:  # noqa: N802
        if number not in self._daemon.shown:
            raise DBusError("org.freedesktop.Notifications.Error", "there is none of that number")
        self._daemon.close(number, CLOSED)

    @dbus_signal()
    def NotificationClosed(self, number: int, reason: int) -> ClosedSignal:  # noqa: N802
        return [number, reason]

    @dbus_signal()
    def ActionInvoked(self, number: int, word: str) -> ActionSignal:  # noqa: N802
        return [number, word]


@asynccontextmanager
async def running(address: str, kind: Kind = XFCE, *, first_id: int = 1) -> AsyncIterator[Daemon]:
    """A daemon for as long as the context lasts; afterwards nobody has its name."""
    bus = await MessageBus(address).connect()
    daemon = Daemon(kind, next_id=first_id, bus=bus)
    try:
        bus.export(PATH, daemon.interface)
        await bus.request_name(NAME)
        yield daemon
    finally:
        if daemon.bus is not None:
            await daemon.leave()


async def connections(address: str) -> int:
    """How many are on the bus, whoever asks left out."""
    bus = await MessageBus(address).connect()
    try:
        introspection = await bus.introspect("org.freedesktop.DBus", "/org/freedesktop/DBus")
        proxy = bus.get_proxy_object("org.freedesktop.DBus", "/org/freedesktop/DBus", introspection)
        interface: Any = proxy.get_interface("org.freedesktop.DBus")
        names = await interface.call_list_names()
        return len([name for name in names if name.startswith(":")]) - 1
    finally:
        bus.disconnect()


async def has_no_more_than(address: str, number: int) -> None:
    """Wait until there are not more connections."""

    async def few() -> bool:
        return await connections(address) <= number

    await until(f"{number} connections", few)
