"""The tray's agent, one a session: hears what happens, shows it as icon, menu and alerts, and passes on the answers.

Everything that happens only wakes one task, which then shows how things stand, five times a second at most. Nothing
runs while nothing happens: how long a use has lasted is worked out when the menu is opened.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

from camguard import __version__
from camguard.core.decisions import Decision
from camguard.core.records import Record
from camguard.desktop import words
from camguard.desktop.board import KEPT, Board
from camguard.desktop.cards import number_of_key
from camguard.desktop.link import Guarded, Link
from camguard.desktop.look import Look
from camguard.desktop.menu import Row, menu
from camguard.desktop.reminders import Hints, Reminders
from camguard.desktop.shown import Screen
from camguard.desktop.uses import Told, alerted_of_log
from camguard.errors import CamguardError
from camguard.journal.filter import Filter
from camguard.service.memory import give_back
from camguard.wording import visible

log = logging.getLogger(__name__)

ROUND_S = 0.2
"""The shortest time between two rounds of showing."""

MANY, QUIET_S = 1_000, 10.0
"""After so many events, and then so many seconds without one, memory is given back: a tray lives for weeks."""

AT_ONCE = 5
"""So many alerts are on the screen at a time; the menu has the others."""

AGAIN_S = 2.0
"""After how long a guard that could not answer a question is asked again."""


class Panel(Protocol):
    """Where icon and menu are shown."""

    def show(self, look: Look, title: str) -> None:
        """Show this from now on; the menu's rows may be others too, and are asked for with `Agent.rows`."""


class Agent:
    """Not for use from two threads; all of it belongs to one event loop."""

    def __init__(
        self, board: Board, panel: Panel, screen: Screen, reminders: Reminders, icon_of: Callable[[Told], str]
    ) -> None:
        """`icon_of` knows the icon of the app that a record tells of."""
        self._board = board
        self._panel = panel
        self._screen = screen
        self._reminders = reminders
        self._icon_of = icon_of
        self._hints = Hints()
        self._awake = asyncio.Event()
        self._unknown_alerts = False
        self._first = False
        self._guarded: Guarded | None = None
        self._used = MANY
        self._work: set[asyncio.Task[None]] = set()

    def happened(self, told: Record) -> None:
        """Something happened that the guard tells of."""
        self._board.take(told)
        self._used += 1
        self._awake.set()

    def found(self, guarded: Guarded) -> None:
        """A guard answers from now on."""
        self._guarded = guarded
        self._first = self._unknown_alerts = self._board.stale = True
        self._awake.set()

    def lost(self, why: str) -> None:
        """No guard can be asked for now."""
        if self._guarded is not None or self._board.standing.blind != why:
            log.warning("%s", why)
        self._guarded = None
        self._board.lose(why)
        self._awake.set()

    def hinted(self, hints: Hints) -> None:
        """The session says something of itself."""
        self._hints = hints
        self._awake.set()

    def wake(self) -> None:
        """Show everything anew."""
        self._awake.set()

    def rows(self) -> tuple[Row, ...]:
        """The menu as it is at this moment."""
        return menu(self._board, datetime.now().astimezone(), time.monotonic(), __version__)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the showing; a failure of it is a defect, and is logged as one."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._ended)

    async def run(self, link: Link) -> None:
        """Show until cancelled."""
        while True:
            self._awake.clear()
            await self._show_cards()
            if self._board.stale and self._guarded is not None:
                await self._ask(link, self._guarded)
                await self._show_cards()
            self._show_panel()
            await asyncio.sleep(ROUND_S)
            await self._rest()

    async def _rest(self) -> None:
        """Until something happens, or what is shown is true no longer."""
        wait_s = self._true_for_s()
        try:
            async with asyncio.timeout(wait_s):
                await self._awake.wait()
        except TimeoutError:
            if self._used >= MANY:
                self._used = 0
                give_back()
            if any(camera.left_s is not None for camera in self._board.standing.cameras):
                self._board.stale = True

    def _true_for_s(self) -> float | None:
        """For how many seconds what is shown stays true by itself; None for as long as nothing happens."""
        now_s = time.monotonic()
        standing = self._board.standing
        dues = [60.0 for camera in standing.cameras if camera.left_s is not None]
        due = self._reminders.next_s(standing.uses, now_s)
        if due is not None:
            dues.append(due)
        if self._used >= MANY:
            dues.append(QUIET_S)
        if self._board.stale and self._guarded is not None:
            dues.append(AGAIN_S)
        if self._screen.again_s is not None:
            dues.append(self._screen.again_s)
        return min(dues, default=None)

    async def _ask(self, link: Link, guarded: Guarded) -> None:
        """Ask how things stand, and after an alert or a gap which alerts wait for an answer."""
        self._board.asking()
        try:
            status: Any = await link.questions.ask(lambda guard: guard.status())
            if self._unknown_alerts:
                unanswered = await link.questions.ask(
                    lambda guard: list(guard.activations(Filter(unanswered=True, limit=KEPT)))
                )
                self._board.recall(alerted_of_log(record) for record in unanswered)
                self._unknown_alerts = False
        except CamguardError as error:
            log.warning("%s", error)
            self._board.stale = True
            return
        self._board.stand(status, time.monotonic(), guarded.source, service=guarded.service, first=self._first)
        self._first = False

    async def _show_cards(self) -> None:
        alerts = self._board.cards(datetime.now().astimezone(), AT_ONCE, self._icon_of)
        reminders = self._reminders.cards(self._board.standing.uses, self._hints, time.monotonic())
        await self._screen.keep({**alerts, **reminders})

    def _show_panel(self) -> None:
        look = self._board.look
        self._panel.show(look, _title(self._board, look))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("what was asked for could not be done", exc_info=task.exception())
        self._awake.set()


def _title(board: Board, look: Look) -> str:
    """What the icon says where the pointer rests on it."""
    if board.standing.blind is not None:
        return f"{look.words}: {visible(board.standing.blind)}"
    if board.standing.log_trouble is not None:
        return f"The log was changed: {visible(board.standing.log_trouble)}"
    whose = [words.who(use.told) for use in board.standing.uses]
    return f"{look.words}: {', '.join(whose[:3])}" if whose else look.words


def answer_of(key: str, word: str) -> tuple[int, Decision] | None:
    """Which use a button of an alert or a reminder is about, and which answer it gives; None for other buttons."""
    number = number_of_key(key)
    return (number, Decision(word)) if number is not None and word in set(Decision) else None
