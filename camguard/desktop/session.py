"""What the session says of itself: logind's LockedHint and IdleHint, by D-Bus.

See org.freedesktop.login1(5). Both are set by the desktop, and many desktops never set one: false is "not known".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import BusType, DBusError, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InterfaceNotFoundError, InvalidAddressError, InvalidIntrospectionError

from camguard.desktop.reminders import Hints

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""How long is waited before logind is looked for again."""

_LOGIND = "org.freedesktop.login1"
_SESSION = f"{_LOGIND}.Session"
_LOST = (
    OSError,
    EOFError,
    DBusError,
    AuthError,
    InvalidAddressError,
    InterfaceNotFoundError,
    InvalidIntrospectionError,
)


class SessionHints:
    """Follows the hints of the session that this process is a part of, or else of the user's session with a display."""

    def __init__(self, hinted: Callable[[Hints], None], environ: Mapping[str, str] = os.environ) -> None:
        """`hinted` is called on the event loop, first with how it stands and then at each change."""
        self._hinted = hinted
        self._environ = environ
        self._hints = Hints()
        self._said = ""

    async def run(self) -> None:
        """Follow until cancelled; where there is no logind, nothing is known."""
        while True:
            try:
                await self._follow()
            except _LOST as error:
                self._say(f"whether the screen is locked, or nobody is there, is not known: {error}")
            self._take({"LockedHint": Variant("b", False), "IdleHint": Variant("b", False)})
            await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        try:
            path = await self._path(bus)
            properties: Any = (await self._object(bus, path)).get_interface("org.freedesktop.DBus.Properties")
            properties.on_properties_changed(lambda _, changed, __: self._take(changed))
            self._take(await properties.call_get_all(_SESSION))
            self._say("the session tells whether the screen is locked, where the desktop sets it")
            await bus.wait_for_disconnect()
        finally:
            bus.disconnect()

    async def _path(self, bus: MessageBus) -> str:
        """The session's object. Raises DBusError where there is none."""
        manager: Any = (await self._object(bus, "/org/freedesktop/login1")).get_interface(f"{_LOGIND}.Manager")
        named = self._environ.get("XDG_SESSION_ID")
        if named:
            path: str = await manager.call_get_session(named)
            return path
        user = await self._object(bus, await manager.call_get_user(os.getuid()))
        properties: Any = user.get_interface("org.freedesktop.DBus.Properties")
        display = await properties.call_get(f"{_LOGIND}.User", "Display")
        path = str(display.value[1])
        if path == "/":  # as logind has it where there is none
            raise DBusError(f"{_LOGIND}.NoSuchSession", "this user has no session with a display")
        return path

    async def _object(self, bus: MessageBus, path: str) -> Any:
        return bus.get_proxy_object(_LOGIND, path, await bus.introspect(_LOGIND, path))

    def _take(self, changed: Mapping[str, Variant]) -> None:
        hints = Hints(
            _true(changed["LockedHint"]) if "LockedHint" in changed else self._hints.locked,
            _true(changed["IdleHint"]) if "IdleHint" in changed else self._hints.idle,
        )
        if hints != self._hints:
            self._hints = hints
            self._hinted(hints)

    def _say(self, what: str) -> None:
        if what != self._said:
            self._said = what
            log.info("%s", what)


def _true(value: Variant) -> bool | None:
    """True where it is set, else None: what a desktop never sets is false too."""
    return True if value.value is True else None
