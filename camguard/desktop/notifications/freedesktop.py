"""Notifications with buttons on the session bus, by desktop-notifier.

See https://specifications.freedesktop.org/notification-spec/latest/. Two things are added to the library: a card under
a known key takes the old one's place (``replaces_id``), and a daemon that is restarted is noticed.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from dbus_fast import DBusError
from dbus_fast.aio import MessageBus
from dbus_fast.aio.proxy_object import ProxyInterface
from desktop_notifier import Button, Icon, Notification, Urgency
from desktop_notifier.backends.dbus import NOTIFICATION_CLOSED_DISMISSED, DBusDesktopNotifier

from camguard.desktop.cards import APP_NAME, Card
from camguard.desktop.notifications import Heard, Reached
from camguard.errors import NotShown

PATIENCE_S = 10.0
"""How long whoever shows notifications may take to answer."""

_NAME = "org.freedesktop.Notifications"
_WITHOUT_BUTTONS = frozenset({"dunst"})
"""Those that say they have actions and show no buttons for them."""
_ADVICE = "start a notification daemon (most desktops have one; else: dunst, mako, xfce4-notifyd)"


class _Replacing(DBusDesktopNotifier):
    """The library's backend; `replace` is the number of the notification that the next one takes the place of."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(APP_NAME)
        self.heard = heard
        self.numbers: dict[str, int] = {}
        self.replace = 0
        self._posting = False
        self._early: list[Callable[[], None]] = []
        """What was heard of a notification whose number is still on its way."""

    async def begin(self) -> ProxyInterface:
        """The daemon, found on the bus."""
        if self.interface is None:
            self.interface = await self._init_dbus()
        return self.interface

    async def _init_dbus(self) -> ProxyInterface:
        interface: Any = await super()._init_dbus()
        notify = interface.call_notify

        async def call_notify(app: str, _: int, *rest: Any) -> int:
            number = int(await notify(app, self.replace, *rest))
            self._platform_to_interface_notification_identifier.pop(number, None)
            return number

        interface.call_notify = call_notify
        await self._watch_daemon()
        found: ProxyInterface = interface
        return found

    async def _watch_daemon(self) -> None:
        """Have it told when another daemon takes the name: it knows nothing of what the one before showed."""
        introspection = await self.bus.introspect("org.freedesktop.DBus", "/org/freedesktop/DBus")
        bus = self.bus.get_proxy_object("org.freedesktop.DBus", "/org/freedesktop/DBus", introspection)
        names: Any = bus.get_interface("org.freedesktop.DBus")
        names.on_name_owner_changed(self._owner_changed)

    def _owner_changed(self, name: str, _: str, owner: str) -> None:
        if name == _NAME:
            self.numbers.clear()
            self._platform_to_interface_notification_identifier.clear()
            self._capabilities = None
            if owner:
                self.heard.forgotten()

    def _on_action(self, nid: int, action_key: str) -> None:
        if self._is_early(nid):
            self._early.append(lambda: self._on_action(nid, action_key))
            return
        super()._on_action(nid, action_key)

    def _is_early(self, nid: int) -> bool:
        return self._posting and nid not in self._platform_to_interface_notification_identifier

    def _on_closed(self, nid: int, reason: int) -> None:
        if self._is_early(nid):
            self._early.append(lambda: self._on_closed(nid, reason))
            return
        key = self._platform_to_interface_notification_identifier.get(nid)
        super()._on_closed(nid, reason)
        if key is None:
            return
        mine = self.numbers.pop(key, None) is None  # `withdraw` has forgotten it before
        if reason != NOTIFICATION_CLOSED_DISMISSED and not mine:
            self.heard.expired(key)

    def answerable(self) -> list[str]:
        """What is shown with buttons."""
        shown = self._notification_cache
        return [key for key in self.numbers if key in shown and shown[key].buttons]

    def leave(self) -> None:
        """Leave the bus, however far it was joined."""
        bus: MessageBus | None = getattr(self, "bus", None)
        if bus is not None:
            bus.disconnect()

    async def post(self, notification: Notification) -> None:
        """Show it, in the place of the one of the same identifier; raises what the bus raises."""
        key = notification.identifier
        self.replace = self.numbers.get(key, 0)
        self._posting = True
        try:
            await self._send(notification)
            self._notification_cache[key] = notification
            self.numbers[key] = self._platform_to_interface_notification_identifier.inverse[key]
        finally:
            self._posting = False
            early, self._early = self._early, []
            for heard in early:
                heard()


class FreedesktopNotifications:
    """A `Notifications` on the session bus."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._backend: _Replacing | None = None
        self._turn = asyncio.Lock()

    async def reach(self) -> Reached:
        """Who shows notifications."""
        async with self._calling() as backend:
            interface: Any = await backend.begin()
            server, _, version, _ = await interface.call_get_server_information()
            capabilities = await interface.call_get_capabilities()
            buttons = "actions" in capabilities and server not in _WITHOUT_BUTTONS
            return Reached(f"{server} {version}", buttons, "desktop-notifier")

    async def show(self, key: str, card: Card) -> None:
        """Show a card."""
        async with self._calling() as backend:
            interface: Any = await backend.begin()
            # By the specification only some daemons read markup; to the others an escaped name would look odd.
            markup = "body-markup" in await interface.call_get_capabilities()
            await backend.post(self._notification(key, card, markup=markup))

    async def withdraw(self, key: str) -> None:
        """Take a card away."""
        if self._backend is None or key not in self._backend.numbers:
            return
        async with self._calling() as backend:
            backend.numbers.pop(key, None)
            with suppress(KeyError):  # it closed in this very moment
                await backend.clear(key)

    async def close(self) -> None:
        """Leave the bus, and no buttons behind that nobody hears of any more."""
        backend = self._backend
        if backend is None:
            return
        with suppress(NotShown):
            for key in backend.answerable():
                await self.withdraw(key)
        backend.leave()
        self._backend = None

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[_Replacing]:
        """One thing at a time, and none for ever: the number of one that is being shown is needed to replace it.

        Raises NotShown, and where the connection is broken the next card is tried on a new one.
        """
        async with self._turn:
            if self._backend is None:
                self._backend = _Replacing(self._heard)
            backend = self._backend
            try:
                async with asyncio.timeout(PATIENCE_S):
                    yield backend
            except Exception as error:
                # What the daemon, or its absence, says breaks no connection; and with that goes what can be replaced.
                if backend.interface is None or not isinstance(error, DBusError | TimeoutError):
                    backend.leave()
                    self._backend = None
                raise NotShown(f"no notification could be shown ({_why(error)}): {_ADVICE}") from error

    def _notification(self, key: str, card: Card, *, markup: bool) -> Notification:
        return Notification(
            title=card.title,
            message=html.escape(card.body, quote=False) if markup else card.body,
            urgency=Urgency.Critical if card.critical else Urgency.Normal,
            icon=Icon(path=Path(card.icon)) if card.icon.startswith("/") else Icon(name=card.icon),
            buttons=tuple(self._button(key, word, label) for word, label in card.buttons),
            on_dismissed=lambda: self._heard.dismissed(key),
            timeout=0 if card.critical else -1 if card.expires_s is None else card.expires_s,
            identifier=key,
        )

    def _button(self, key: str, word: str, label: str) -> Button:
        return Button(title=label, on_pressed=lambda: self._heard.pressed(key, word), identifier=word)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "whoever shows them does not answer"
    return error.text if isinstance(error, DBusError) else str(error) or type(error).__name__
