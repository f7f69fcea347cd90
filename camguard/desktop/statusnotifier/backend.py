"""The pystray backend: pystray's `Icon`, for panels that speak StatusNotifierItem."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

from PIL import Image

from camguard.desktop import trayapi
from camguard.desktop.statusnotifier.indicator import Indicator, Owner, Shown
from camguard.desktop.trayapi import Menu, MenuItem
from camguard.together import until_one_ends


class Icon(trayapi.Icon):
    """pystray's icon with its whole interface, and besides `serve`, for programs that have an event loop already.

    Whatever is set, from whichever thread, panels are told a few times a second at most, and of nothing that has not
    changed. Menu callables and everything else of the owner's is called in the loop's thread. An action may be a
    coroutine function. What any of them raises is logged; the icon goes on.

    `on_registration` is called when a panel has taken the icon (True), and when none does (False, and `trouble` says
    why): right after a log-in that may be because the panel is still starting. The menu's callables are asked again
    just before it is opened.
    """

    HAS_MENU = True
    HAS_DEFAULT_ACTION = True
    HAS_MENU_RADIO = True
    HAS_NOTIFICATION = True

    _loop: asyncio.AbstractEventLoop | None = None
    _indicator: Indicator | None = None

    def __init__(
        self,
        name: str,
        icon: Image.Image | None = None,
        title: str | None = None,
        menu: Menu | Iterable[MenuItem] | None = None,
        *,
        on_registration: Callable[[bool], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, icon, title, menu, **kwargs)
        self._on_registration = on_registration
        self._loop_thread = 0
        self._is_set_up = False
        self._stopping = asyncio.Event()
        self._is_touched = False

    @property
    def registered(self) -> bool:
        """Whether a panel has taken the icon."""
        indicator = self._indicator
        return indicator is not None and indicator.presence.registered

    @property
    def trouble(self) -> str | None:
        """Why no panel shows the icon, and what to do about it; None where one does, and until that is known."""
        indicator = self._indicator
        return None if indicator is None else indicator.presence.trouble

    async def serve(self, *, visible: bool = True) -> None:
        """Be an icon on the running loop, until `stop` is called or this is cancelled.

        Raises ValueError where it is to be visible and has no picture, RuntimeError where it is served already.
        """

        def ready() -> None:
            self._running = True
            self.visible = visible

        await self._serve(ready)

    def stop(self) -> None:
        """Be gone; from any thread."""
        if self._is_set_up:
            super().stop()
        else:
            self._stop()

    async def _serve(self, ready: Callable[[], None]) -> None:
        if self._indicator is not None:
            raise RuntimeError("this icon is served already")
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._stopping, self._is_touched = asyncio.Event(), False
        self._indicator = Indicator(Owner(self.name, self._look, lambda item: item(self), self._tell_registration))
        try:
            ready()
            await until_one_ends(self._stopping.wait(), self._indicator.failure())
        finally:
            self._running = self._visible = False
            await self._indicator.close()
            self._indicator = self._loop = None

    # What pystray asks of a backend.

    def _run(self) -> None:
        self._is_set_up = True
        asyncio.run(self._serve(self._mark_ready))

    def _run_detached(self) -> None:
        started = threading.Event()

        def ready() -> None:
            self._mark_ready()
            started.set()

        def run() -> None:
            try:
                asyncio.run(self._serve(ready))
            finally:
                started.set()

        self._is_set_up = True
        threading.Thread(target=run, name=f"{self.name} icon").start()
        started.wait()

    def _stop(self) -> None:
        self._on_loop(self._stopping.set)

    def _show(self) -> None:
        self._on_loop(lambda: self._want(visible=True))

    def _hide(self) -> None:
        self._on_loop(lambda: self._want(visible=False))

    def _update_icon(self) -> None:
        self._icon_valid = True
        self._touch()

    def _update_title(self) -> None:
        self._touch()

    def _update_menu(self) -> None:
        self._touch()

    def _notify(self, message: str, title: str | None = None) -> None:
        def notify() -> None:
            if self._indicator is not None:
                self._indicator.notify(title or self.title, message)

        self._on_loop(notify)

    def _remove_notification(self) -> None:
        def remove() -> None:
            if self._indicator is not None:
                self._indicator.remove_notification()

        self._on_loop(remove)

    # On the loop.

    def _look(self) -> Shown:
        return Shown(self._icon, self._title, self._menu)

    def _want(self, *, visible: bool) -> None:
        if self._indicator is not None:
            self._indicator.want(visible=visible)

    def _touch(self) -> None:
        """Have the icon looked at. One request is on its way at a time, however many threads ask."""
        if not self._is_touched:
            self._is_touched = True
            self._on_loop(self._touched)

    def _touched(self) -> None:
        self._is_touched = False
        if self._indicator is not None:
            self._indicator.touch()

    def _tell_registration(self) -> None:
        if self._on_registration is not None:
            self._on_registration(self.registered)

    def _on_loop(self, work: Callable[[], object]) -> None:
        """Do it in the loop's thread: at once in that, soon from another, never where no loop runs."""
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._loop_thread:
            work()
            return
        try:
            loop.call_soon_threadsafe(work)
        except RuntimeError:  # the loop has just been closed, and the icon with it
            return
