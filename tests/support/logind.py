"""logind on a private bus, with as much of it as says something about a session; see org.freedesktop.login1(5)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from dbus_fast import DBusError, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusObjectPath, DBusSignature, DBusStr, DBusUInt32, DBusUInt64
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

NAME = "org.freedesktop.login1"
ROOT = "/org/freedesktop/login1"

Listed = Annotated[list[Any], DBusSignature("a(so)")]
Shown = Annotated[list[str], DBusSignature("(so)")]


@dataclass(frozen=True)
class About:
    """What is said of a session beside its hints. `pids` were started in it; `active`: it is the one on its screen."""

    uid: int = field(default_factory=os.getuid)
    pids: tuple[int, ...] = ()
    active: bool = True
    remote: bool = False
    kind: str = "user"
    service: str = "gdm-password"
    desktop: str = ""
    idle_since_us: int = 0


class Session(ServiceInterface):
    """A session with its two hints."""

    def __init__(self, number: str, *, locked: bool = False, idle: bool = False, about: About | None = None) -> None:
        super().__init__(f"{NAME}.Session")
        self.number = number
        self.about = about or About()
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

    @dbus_property(access=PropertyAccess.READ)
    def IdleSinceHint(self) -> DBusUInt64:  # noqa: N802
        return self.about.idle_since_us

    @dbus_property(access=PropertyAccess.READ)
    def Id(self) -> DBusStr:  # noqa: N802
        return self.number

    @dbus_property(access=PropertyAccess.READ)
    def Active(self) -> DBusBool:  # noqa: N802
        return self.about.active

    @dbus_property(access=PropertyAccess.READ)
    def Remote(self) -> DBusBool:  # noqa: N802
        return self.about.remote

    @dbus_property(access=PropertyAccess.READ)
    def Class(self) -> DBusStr:  # noqa: N802
        return self.about.kind

    @dbus_property(access=PropertyAccess.READ)
    def Service(self) -> DBusStr:  # noqa: N802
        return self.about.service

    @dbus_property(access=PropertyAccess.READ)
    def Desktop(self) -> DBusStr:  # noqa: N802
        return self.about.desktop


class _User(ServiceInterface):
    def __init__(self, display: Session | None, sessions: list[Session]) -> None:
        super().__init__(f"{NAME}.User")
        self._display = display
        self._sessions = sessions

    @dbus_property(access=PropertyAccess.READ)
    def Sessions(self) -> Listed:  # noqa: N802
        return [[session.number, session.path] for session in self._sessions]

    @dbus_property(access=PropertyAccess.READ)
    def Display(self) -> Shown:  # noqa: N802
        return ["", "/"] if self._display is None else [self._display.number, self._display.path]


class _Seat(ServiceInterface):
    def __init__(self, on_screen: Session | None) -> None:
        super().__init__(f"{NAME}.Seat")
        self._on_screen = on_screen

    @dbus_property(access=PropertyAccess.READ)
    def ActiveSession(self) -> Shown:  # noqa: N802
        return ["", "/"] if self._on_screen is None else [self._on_screen.number, self._on_screen.path]


class _Manager(ServiceInterface):
    def __init__(self, sessions: dict[str, Session], users: set[int]) -> None:
        super().__init__(f"{NAME}.Manager")
        self._sessions = sessions
        self._users = users

    @dbus_method()
    def GetSessionByPID(self, pid: DBusUInt32) -> DBusObjectPath:  # noqa: N802
        for session in self._sessions.values():
            if pid in session.about.pids:
                return session.path
        raise DBusError(f"{NAME}.NoSessionForPID", f"PID {pid} does not belong to any known session")

    @dbus_method()
    def GetSession(self, number: DBusStr) -> DBusObjectPath:  # noqa: N802
        if number not in self._sessions:
            raise DBusError(f"{NAME}.NoSuchSession", f"No session '{number}' known")
        return self._sessions[number].path

    @dbus_method()
    def GetUser(self, uid: DBusUInt32) -> DBusObjectPath:  # noqa: N802
        if uid not in self._users:
            raise DBusError(f"{NAME}.NoSuchUser", f"User ID {uid} is not logged in or lingering")
        return f"{ROOT}/user/_{uid}"


@asynccontextmanager
async def running(
    address: str,
    *sessions: Session,
    display: Session | None = None,
    on_screen: Session | None = None,
    lingering: frozenset[int] = frozenset(),
) -> AsyncIterator[None]:
    """logind for as long as the context lasts; `display` is its user's session with one.

    `on_screen` is the session that is active at the machine; `lingering` are users who have something running without a
    session.
    """
    users = {os.getuid(), *lingering, *(session.about.uid for session in sessions)}
    bus = await MessageBus(address).connect()
    try:
        bus.export(ROOT, _Manager({session.number: session for session in sessions}, users))
        bus.export(f"{ROOT}/seat/seat0", _Seat(on_screen))
        for uid in users:
            own = [session for session in sessions if session.about.uid == uid]
            bus.export(f"{ROOT}/user/_{uid}", _User(display if display in own else None, own))
        for session in sessions:
            bus.export(session.path, session)
        await bus.request_name(NAME)
        yield
    finally:
        bus.disconnect()
        ended: asyncio.Future[Any] = asyncio.ensure_future(bus.wait_for_disconnect())
        await asyncio.wait({ended})
        ended.exception()
