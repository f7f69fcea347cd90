"""logind on a private bus, with as much of it as says something about a session; see org.freedesktop.login1(5)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from dbus_fast import DBusError, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusObjectPath, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

NAME = "org.freedesktop.login1"
ROOT = "/org/freedesktop/login1"

Shown = Annotated[list[str], DBusSignature("(so)")]


class Session(ServiceInterface):
    """A session with its two hints."""

    def __init__(self, number: str, *, locked: bool = False, idle: bool = False) -> None:
        super().__init__(f"{NAME}.Session")
        self.number = number
        self.path = f"{ROOT}/session/_3{number}"
        self._locked, self._idle = locked, idle

    def say(self, **hints: bool) -> None:
        """The desktop sets hints."""
        self._locked, self._idle = hints.get("LockedHint", self._locked), hints.get("IdleHint", self._idle)
        self.emit_properties_changed(hints)

    @dbus_property(access=PropertyAccess.READ)
    def LockedHint(self) -> DBusBool:  # noqa: N802 - logind's name
        return self._locked

    @dbus_property(access=PropertyAccess.READ)
    def IdleHint(self) -> DBusBool:  # noqa: N802
        return self._idle


class _User(ServiceInterface):
    def __init__(self, display: Session | None) -> None:
        super().__init__(f"{NAME}.User")
        self._display = display

    @dbus_property(access=PropertyAccess.READ)
    def Display(self) -> Shown:  # noqa: N802
        return ["", "/"] if self._display is None else [self._display.number, self._display.path]


class _Manager(ServiceInterface):
    def __init__(self, sessions: dict[str, Session]) -> None:
        super().__init__(f"{NAME}.Manager")
        self._sessions = sessions

    @dbus_method()
    def GetSession(self, number: DBusStr) -> DBusObjectPath:  # noqa: N802
        if number not in self._sessions:
            raise DBusError(f"{NAME}.NoSuchSession", f"No session '{number}' known")
        return self._sessions[number].path

    @dbus_method()
    def GetUser(self, uid: DBusUInt32) -> DBusObjectPath:  # noqa: N802
        if uid != os.getuid():
            raise DBusError(f"{NAME}.NoSuchUser", f"User ID {uid} is not logged in or lingering")
        return f"{ROOT}/user/_{uid}"


@asynccontextmanager
async def running(address: str, *sessions: Session, display: Session | None = None) -> AsyncIterator[None]:
    """logind for as long as the context lasts; `display` is the user's session with one."""
    bus = await MessageBus(address).connect()
    try:
        bus.export(ROOT, _Manager({session.number: session for session in sessions}))
        bus.export(f"{ROOT}/user/_{os.getuid()}", _User(display))
        for session in sessions:
            bus.export(session.path, session)
        await bus.request_name(NAME)
        yield
    finally:
        bus.disconnect()
        ended: asyncio.Future[Any] = asyncio.ensure_future(bus.wait_for_disconnect())
        await asyncio.wait({ended})
        ended.exception()
