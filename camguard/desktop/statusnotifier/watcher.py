"""Keeping an icon known to the panel, whatever happens to the panel and to the bus.

The panel, or a part of the desktop on its behalf, owns the name ``org.kde.StatusNotifierWatcher``; an icon makes itself
known there. When the panel is restarted the name gets a new owner, who knows of nothing: the icon makes itself known
again. When the bus goes away, it is looked for again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dbus_fast.aio.message_bus import MessageBus
from dbus_fast.constants import MessageType
from dbus_fast.errors import DBusFastError
from dbus_fast.message import Message

from camguard.desktop.statusnotifier.address import NO_BUS, session_bus

WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"

NO_WATCHER = (
    "no panel here shows icons; on GNOME install the extension AppIndicator "
    "(Debian and Ubuntu: gnome-shell-extension-appindicator), elsewhere add the system tray to the panel"
)
REFUSED = "the panel did not take the icon"

_PATIENCE_S = 10.0
_LONGEST_PAUSE_S = 30.0
_SHORTEST_PAUSE_S = 0.5
_TRIES = 5

_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_RULE = f"type='signal',sender='{_BUS}',path='{_BUS_PATH}',member='NameOwnerChanged',arg0='{WATCHER}'"

log = logging.getLogger(__name__)


class Failed(Exception):
    """The bus or the panel did not do what it was asked for."""


class Presence:
    """One icon's connection to the session bus, and its standing with the panel.

    `export` puts the icon on a bus that has just been connected to. `told` is called when it is first known how the
    icon stands, and whenever that has changed.
    """

    def __init__(self, export: Callable[[MessageBus], None], told: Callable[[], None]) -> None:
        self._export = export
        self._told = told
        self._bus: MessageBus | None = None
        self._owners: asyncio.Queue[bool] = asyncio.Queue()
        self._registered = False
        self._trouble: str | None = None

    @property
    def bus(self) -> MessageBus | None:
        """The bus, while there is a connection to it."""
        return self._bus

    @property
    def registered(self) -> bool:
        """Whether a panel has taken the icon."""
        return self._registered

    @property
    def trouble(self) -> str | None:
        """Why no panel has taken it, and what to do; None where one has, and until that is known."""
        return self._trouble

    async def keep(self) -> None:
        """Be there until cancelled."""
        loop = asyncio.get_running_loop()
        pause = _SHORTEST_PAUSE_S
        try:
            while True:
                since = loop.time()
                try:
                    await self._stay()
                except (Failed, OSError, EOFError, TimeoutError, DBusFastError) as error:
                    log.info("the session bus is out of reach: %s", error or type(error).__name__)
                self._stand(NO_BUS)
                if loop.time() - since > _LONGEST_PAUSE_S:
                    pause = _SHORTEST_PAUSE_S  # not after a bus that takes connections only to drop them
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        finally:
            self._registered, self._trouble = False, None

    async def _stay(self) -> None:
        """Connect, and stay until the connection ends."""
        address = session_bus()
        if address is None:
            raise Failed(NO_BUS)
        async with _connected(address) as (bus, ended):
            self._owners = asyncio.Queue()
            bus.add_message_handler(self._heard)
            self._export(bus)
            self._bus = bus
            registering = asyncio.create_task(self._keep_registered(bus))
            try:
                done, _ = await asyncio.wait({registering, ended}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                self._bus = None
                registering.cancel()
                await asyncio.gather(registering, return_exceptions=True)

    async def _keep_registered(self, bus: MessageBus) -> None:
        """Make the icon known to each owner of the watcher's name."""
        await _ask(bus, Message(_BUS, _BUS_PATH, _BUS, "AddMatch", signature="s", body=[_RULE]))
        owned = await _ask(bus, Message(_BUS, _BUS_PATH, _BUS, "NameHasOwner", signature="s", body=[WATCHER]))
        is_there = bool(owned.body[0])
        while True:
            self._stand(await self._register(bus) if is_there else NO_WATCHER)
            is_there = await self._owners.get()
            while not self._owners.empty():
                is_there = self._owners.get_nowait()

    async def _register(self, bus: MessageBus) -> str | None:
        """Make the icon known, and what is the trouble then. A panel that has just started gets some tries."""
        pause = _SHORTEST_PAUSE_S
        for _ in range(_TRIES):
            # A bus name alone stands for the object at /StatusNotifierItem; it is unique, so nobody can take it over.
            told = Message(
                WATCHER, WATCHER_PATH, WATCHER, "RegisterStatusNotifierItem", signature="s", body=[bus.unique_name]
            )
            try:
                await _ask(bus, told)
            except (Failed, TimeoutError) as error:
                log.warning("%s: %s", REFUSED, error or type(error).__name__)
            else:
                return None
            try:
                async with asyncio.timeout(pause):
                    is_there = await self._owners.get()
            except TimeoutError:
                pause *= 2
            else:
                self._owners.put_nowait(is_there)
                break
        return REFUSED

    def _stand(self, trouble: str | None) -> None:
        standing = (trouble is None, trouble)
        if standing != (self._registered, self._trouble):
            self._registered, self._trouble = standing
            self._told()

    def _heard(self, message: Message) -> None:
        """Take in that the watcher's name has another owner, or none."""
        if (
            message.message_type is MessageType.SIGNAL
            and message.sender == _BUS  # which no one else can be
            and message.member == "NameOwnerChanged"
            and message.body[0] == WATCHER
        ):
            self._owners.put_nowait(bool(message.body[2]))


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[MessageBus, asyncio.Task[None]]]:
    """A connection to the bus, and what is done when it has ended; its socket is closed afterwards."""
    bus = MessageBus(address)
    async with asyncio.timeout(_PATIENCE_S):
        await bus.connect()
    ended = asyncio.create_task(_end(bus))
    try:
        yield bus, ended
    finally:
        bus.disconnect()
        await asyncio.gather(ended, return_exceptions=True)


async def _end(bus: MessageBus) -> None:
    """Wait for the connection's end. It is always an error here, for nobody else ends it."""
    await bus.wait_for_disconnect()
    raise Failed("the connection has ended")


async def _ask(bus: MessageBus, message: Message) -> Message:
    """The answer to a call. Raises Failed where it is an error, TimeoutError where it does not come."""
    async with asyncio.timeout(_PATIENCE_S):
        answer = await bus.call(message)
    if answer is None:
        raise Failed("the connection has ended")
    if answer.message_type is MessageType.ERROR:
        raise Failed(f"{answer.error_name}: {answer.body[0] if answer.body else ''}")
    return answer
