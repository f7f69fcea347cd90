"""The tray as a whole: which icon, which notifications, which guard; put together, run, and ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from camguard import desktopentry
from camguard.config import SOCKET_PATH, Config
from camguard.desktop import activity, folders
from camguard.desktop.agent import Agent, answer_of
from camguard.desktop.appicons import AppIcons
from camguard.desktop.autostart import spoken_command
from camguard.desktop.backends import choose
from camguard.desktop.board import Board
from camguard.desktop.cards import number_of_key
from camguard.desktop.deeds import Deeds
from camguard.desktop.firstrun import FirstRun
from camguard.desktop.link import Guarded, Line, Link, Place
from camguard.desktop.menu import Do
from camguard.desktop.notifications import Heard, Notifications
from camguard.desktop.notifications.choose import notifications
from camguard.desktop.ownguard import OwnGuard
from camguard.desktop.reminders import Reminders, Wanted
from camguard.desktop.renewal import Fate, Installation, start_anew
from camguard.desktop.session import SessionHints
from camguard.desktop.shown import Screen
from camguard.desktop.tray import Tray
from camguard.desktop.trayapi import Icon

log = logging.getLogger(__name__)

TROUBLE_S = 20.0
"""How long after log-in a panel may take until it is said that none shows the icon."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen on the command line: another socket, a configuration file by name, another icon."""

    config: Config
    socket: Path = SOCKET_PATH
    named_config: Path | None = None
    icon: str | None = None


class _Served(Protocol):
    """An icon that runs on an event loop which is there already."""

    trouble: str | None

    def serve(self) -> Awaitable[None]:
        """Be an icon until stopped."""


class App:
    """One run of the tray."""

    def __init__(self, chosen: Chosen, kind: type[Icon]) -> None:
        """To be made on the running event loop."""
        self._chosen = chosen
        self._stop = asyncio.Event()
        self._installation = Installation()
        self.outdated = False
        """Whether it ended because another release is installed by now."""
        board = Board()
        self._heard = Heard(self._pressed, self._dismissed, self._expired, self._forgotten)
        self._notifications: Notifications = notifications(self._heard)
        self._screen = Screen(self._notifications)
        reminding = chosen.config.reminders
        after_s = None if reminding.after_ns is None else reminding.after_ns / 1e9
        self._reminders = Reminders(Wanted(after_s, reminding.locked, reminding.idle))
        self._board = board
        self.tray = Tray(kind, lambda: self._agent.rows(), self._clicked)
        self._icons = AppIcons(desktopentry.folders())
        self._agent = Agent(board, self.tray, self._screen, self._reminders, self._icons.icon_of)
        own = OwnGuard(folders.state(), chosen.named_config)
        place = Place(chosen.socket)
        self._link = Link(place, own, self._agent.happened, self._found, self._lost)
        self._deeds = self._make_deeds(self._link.deeds)

    async def run(self) -> None:
        """Until somebody quits, or a signal says so; any part's failure ends the whole."""
        try:
            await self._run()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            await self._notifications.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError, RuntimeError):  # not the main thread, or not a system with signals
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(self._link.run(), name="link"),
                tasks.create_task(self._agent.run(self._link), name="agent"),
            ]
            if sys.platform == "linux":
                hints = SessionHints(self._agent.hinted)
                parts.append(tasks.create_task(hints.run(), name="session"))
            if hasattr(self.tray.icon, "serve"):
                icon = cast("_Served", self.tray.icon)
                parts.append(tasks.create_task(self._serve(icon), name="icon"))
                parts.append(tasks.create_task(self._tell_of_trouble(icon), name="trouble"))
            self._agent.begin(asyncio.to_thread(self._icons.read))
            self._agent.begin(FirstRun(folders.state()).greet(self._screen.tell, self._link, spoken_command()))
            await self._stop.wait()
            for part in parts:
                part.cancel()

    def quit(self) -> None:
        """End the tray; the service goes on."""
        self._stop.set()

    def _found(self, guarded: Guarded) -> None:
        if self._installation.fate is Fate.REPLACED:
            self.outdated = True
            self.quit()
        else:
            self._agent.found(guarded)

    def _lost(self, why: str) -> None:
        self._agent.lost(why)
        if self._installation.fate is Fate.GONE:
            log.warning("camguard was uninstalled: the tray ends")
            self.quit()

    async def _serve(self, icon: _Served) -> None:
        await icon.serve()
        self.quit()

    async def _tell_of_trouble(self, icon: _Served) -> None:
        """Say, once, where no panel shows the icon: whoever does not see it must know what is missing."""
        await asyncio.sleep(TROUBLE_S)
        if icon.trouble is not None:
            log.warning("%s", icon.trouble)

    def _make_deeds(self, line: Line) -> Deeds:
        arguments: tuple[str, ...] = ()
        if self._chosen.named_config is not None:
            arguments = ("--config", str(self._chosen.named_config))

        async def open_page() -> None:
            await activity.open_page(folders.runtime(), arguments)

        async def open_advice() -> None:
            await activity.open_advice(folders.runtime())

        return Deeds(self._board, line, self._screen.tell, spoken_command(), open_page, open_advice, self.quit)

    def _clicked(self, do: Do) -> None:
        self._agent.begin(self._deeds.do(do))

    def _pressed(self, key: str, word: str) -> None:
        self._gone(key)
        found = answer_of(key, word)
        if found is not None:
            self._agent.begin(self._deeds.decide(*found))
        elif word in {"test", "install"}:
            self._agent.begin(self._deeds.offer(word))

    def _dismissed(self, key: str) -> None:
        number = self._gone(key)
        if number is not None:
            self._board.dismissed(number)

    def _expired(self, key: str) -> None:
        number = self._gone(key)
        if number is not None:
            self._board.expired(number)

    def _gone(self, key: str) -> int | None:
        """A card is not on the screen any more; the use whose alert it was."""
        self._screen.gone(key)
        self._reminders.gone(key)
        number = number_of_key(key)
        return number if number is not None and key == f"a{number}" else None

    def _forgotten(self) -> None:
        self._screen.forgotten()
        self._agent.wake()


def run(chosen: Chosen) -> None:
    """Run the tray until it is ended; after an upgrade it goes on as the new release.

    Raises UsageError and TrayError where there can be no icon.
    """
    if _run_one(chosen):
        start_anew()


def _run_one(chosen: Chosen) -> bool:
    """Run it to its end; whether it ended because another release is installed by now."""
    kind = choose(chosen.icon)
    if hasattr(kind, "serve"):
        return asyncio.run(_run(chosen, kind, None))
    # Other systems want their icon in the main thread, and have a loop of their own.
    made: list[Icon] = []
    ended: list[bool] = []
    ready = threading.Event()

    def loop() -> None:
        try:
            ended.append(asyncio.run(_run(chosen, kind, (made, ready))))
        finally:
            ready.set()
            for icon in made:
                icon.stop()

    thread = threading.Thread(target=loop, name="camguard-agent")
    thread.start()
    ready.wait()
    for icon in made:
        icon.run()
    thread.join()
    return any(ended)


async def _run(chosen: Chosen, kind: type[Icon], handing: tuple[list[Icon], threading.Event] | None) -> bool:
    app = App(chosen, kind)
    if handing is not None:
        made, ready = handing
        made.append(app.tray.icon)
        ready.set()
    await app.run()
    return app.outdated
