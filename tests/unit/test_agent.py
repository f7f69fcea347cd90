"""The tray's agent: what it shows follows what it hears, and an unanswered question is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from camguard.access.remote import Remote
from camguard.core.events import Kind
from camguard.core.model import Judgement
from camguard.core.records import Record
from camguard.desktop import agent as agent_module
from camguard.desktop.agent import AT_ONCE, Agent
from camguard.desktop.board import Board
from camguard.desktop.cards import Card
from camguard.desktop.link import Guarded, Link
from camguard.desktop.look import Look
from camguard.desktop.notifications import Reached
from camguard.desktop.reminders import Hints, Reminders, Wanted
from camguard.desktop.shown import Screen
from camguard.errors import CamguardError, ServiceError
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord
from tests.support.privatebus import until
from tests.support.tray_data import status, told

GUARDED = Guarded("The service answers.", service=True)


@dataclass
class Display:
    """Shows cards."""

    on_screen: dict[str, Card] = field(default_factory=dict)

    async def reach(self) -> Reached:
        return Reached("screen", buttons=True, how="test")

    async def show(self, key: str, card: Card) -> None:
        self.on_screen[key] = card

    async def withdraw(self, key: str) -> None:
        self.on_screen.pop(key, None)

    async def close(self) -> None:
        """Nothing."""


@dataclass
class World:
    """A guard to ask, a panel and a screen; and an agent between them."""

    now: dict[str, Any] = field(default_factory=status)
    fails: CamguardError | None = None
    asked: int = 0
    meanwhile: Callable[[], object] = lambda: None
    looks: list[tuple[Look, str]] = field(default_factory=list)
    display: Display = field(default_factory=Display)

    def __post_init__(self) -> None:
        self.board = Board()
        self.reminders = Reminders(Wanted(None))
        self.agent = Agent(self.board, self, Screen(self.display), self.reminders, lambda _: "camera-web")

    @property
    def on_screen(self) -> dict[str, Card]:
        return self.display.on_screen

    @property
    def look(self) -> Look | None:
        return self.looks[-1][0] if self.looks else None

    # The link's questions, and the guard that they are put to.

    @property
    def questions(self) -> World:
        return self

    async def ask(self, question: Callable[[Remote], Any]) -> Any:
        await asyncio.sleep(0)
        return question(cast("Remote", self))

    def status(self) -> Record:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        now = self.now
        self.meanwhile()
        return now

    def activations(self, wanted: Filter) -> list[ActivationRecord]:
        assert wanted.unanswered
        return []

    # The panel.

    def show(self, look: Look, title: str) -> None:
        self.looks.append((look, title))


def play(world: World, scene: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        running = asyncio.create_task(world.agent.run(cast("Link", world)))
        try:
            await scene()
            assert not running.done()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(played())


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "ROUND_S", 0.001)
    monkeypatch.setattr(agent_module, "AGAIN_S", 0.001)


def test_it_is_blind_until_a_guard_is_found_and_when_that_is_lost() -> None:
    world = World()

    async def scene() -> None:
        await until("blind", lambda: world.look is Look.BLIND)
        world.agent.found(GUARDED)
        await until("idle", lambda: world.look is Look.IDLE)
        world.agent.lost("The guard has\nstopped.")
        await until("blind again", lambda: world.look is Look.BLIND)
        assert world.looks[-1][1] == "camguard cannot see the camera: The guard has\\nstopped."

    play(world, scene)


def test_a_question_that_was_not_answered_is_asked_again_though_nothing_happens() -> None:
    world = World(fails=ServiceError("it has too much to do"))

    async def scene() -> None:
        world.agent.found(GUARDED)
        await until("it is asked again", lambda: world.asked > 2)
        assert world.look is Look.BLIND
        world.fails = None
        await until("it is known", lambda: world.look is Look.IDLE)
        asked = world.asked
        world.agent.wake()
        shown = len(world.looks)
        await until("it is shown again", lambda: len(world.looks) > shown)
        assert world.asked == asked  # nothing happened that would be a reason to ask

    play(world, scene)


def test_what_happens_while_it_is_asked_is_a_reason_to_ask_again() -> None:
    world = World()
    in_use = status(told(1, Kind.CAPTURING, judgement=Judgement.EXPECTED))

    def begin() -> None:
        world.meanwhile = lambda: None
        world.now = in_use
        world.agent.happened(told(1, Kind.CAPTURING, judgement=Judgement.EXPECTED))

    async def scene() -> None:
        world.meanwhile = begin
        world.agent.found(GUARDED)
        await until("the use is shown", lambda: world.look is Look.EXPECTED)
        assert world.looks[-1][1] == "The camera is in use: Firefox"

    play(world, scene)


def test_many_events_are_shown_together_and_few_alerts_at_once() -> None:
    world = World()

    async def scene() -> None:
        world.agent.found(GUARDED)
        await until("idle", lambda: world.look is Look.IDLE)
        asked = world.asked
        for number in range(1, 501):
            world.agent.happened(told(number))
        await until("the newest are shown", lambda: "a500" in world.on_screen)
        assert list(world.on_screen) == [f"a{number}" for number in range(501 - AT_ONCE, 501)]
        await until("it was asked", lambda: world.asked > asked)
        assert world.asked - asked < 50
        assert world.look is Look.UNEXPECTED

    play(world, scene)


def test_a_reminder_goes_with_its_use() -> None:
    world = World(now=status(told(1, Kind.CAPTURING, judgement=Judgement.EXPECTED)))

    async def scene() -> None:
        world.agent.hinted(Hints(locked=True))
        world.agent.found(GUARDED)
        await until("the reminder", lambda: "reminder-a1" in world.on_screen)
        world.now = status()
        world.agent.happened(told(1, Kind.ENDED, judgement=Judgement.EXPECTED))
        await until("it is gone", lambda: not world.on_screen)

    play(world, scene)


def test_what_fails_beside_the_showing_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    async def broken() -> None:
        raise RuntimeError("a defect")

    async def scene() -> None:
        world.agent.begin(broken())
        await until("it is logged", lambda: "could not be done" in caplog.text)
        world.agent.found(GUARDED)
        await until("it goes on", lambda: world.look is Look.IDLE)

    play(world, scene)


def test_the_icon_says_that_the_log_was_changed() -> None:
    world = World(now=status(log_trouble="entry 5 is odd"))

    async def scene() -> None:
        world.agent.found(GUARDED)
        await until("it is told", lambda: "The log was changed: entry 5 is odd" in [title for _, title in world.looks])

    play(world, scene)
