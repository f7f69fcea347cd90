"""The engine switches cameras: words that cross, a guard that is stopped in the middle, and what the next one finds."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from camguard import inforce
from camguard.core.activations import Timing
from camguard.core.casebook import Casebook
from camguard.core.events import Kind, Report
from camguard.core.model import Camera, Effect, Lasting, Outcome, Result, Rule
from camguard.core.power import Plan, Power
from camguard.core.switchboard import EVERY, PowerPolicy, Switchboard
from camguard.errors import ConfigError
from camguard.guard import Guard
from camguard.journal.patient import PatientJournal
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.ports import Platform, Tell
from camguard.rulebook import RuleBook
from camguard.standing import StandingFile
from camguard.switching import Switching
from tests.support.core_data import CAMERA, OTHER_CAMERA, app, holder
from tests.support.scripted import ScriptedSwitch, Stage

PATIENCE_S = 10.0


@dataclass
class SlowSwitch(ScriptedSwitch):
    """Waits, in the middle of switching off, until the test lets it go on."""

    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def off(self, plan: Plan, tell: Tell) -> Outcome:
        self.entered.set()
        assert self.go_on.wait(PATIENCE_S)
        return super().off(plan, tell)


@dataclass
class TwinSwitch(ScriptedSwitch):
    """Both cameras are in one device: neither goes off alone."""

    def plans(self, camera: Camera) -> tuple[Plan, ...]:
        assert camera in self.sensor.cameras, "asked about a camera that is off"
        return tuple(
            Plan(self.sensor.cameras, "/sys/devices/both", plan.method, plan.parts, plan.takes)
            for plan in super().plans(camera)
        )


@dataclass
class StubbornBook:
    """Rules that cannot be written, until `broken` is cleared."""

    book: RuleBook
    broken: bool = True

    def current(self) -> tuple[Rule, ...]:
        return self.book.current()

    def remove(self, rule_id: str) -> Rule | None:
        if self.broken:
            raise ConfigError("the disk is full")
        return self.book.remove(rule_id)


@dataclass
class Play:
    """A guard that switches, on a stage."""

    stage: Stage
    guard: Guard
    folder: Path
    heard: list[Report] = field(default_factory=list)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not met():  # noqa: ASYNC110  # more than reports is waited for
                await asyncio.sleep(0.005)

    def kinds(self) -> list[Kind]:
        return [report.kind for report in self.heard]

    @property
    def off(self) -> set[str]:
        assert self.guard.switching is not None
        return set(self.guard.switching.board.off)


def make(stage: Stage, folder: Path, rules: StubbornBook | None = None) -> Play:
    path = folder / "journal.db"
    file = StandingFile(folder / "cameras.json")
    platform: Platform = stage.platform
    switching = Switching(platform, Switchboard(PowerPolicy(), file.load()), file)
    with ExitStack() as resources:
        journal = PatientJournal(lambda: Journal.open(path, stage.clock), stage.clock)
        resources.callback(journal.close)
        reader = resources.enter_context(Reader(path))
        casebook = Casebook(Timing(), reader.next_number())
        book = rules or RuleBook(folder / "rules.toml")
        guard = Guard(platform, journal, reader, book, casebook, resources.pop_all(), switching)
    play = Play(stage, guard, folder)
    guard.listen(play.heard.append)
    return play


@asynccontextmanager
async def playing(play: Play) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(play.guard.run())
    try:
        await play.until(lambda: bool(play.guard.cameras) or running.done())
        yield running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def with_switch(kind: type[ScriptedSwitch]) -> tuple[Stage, ScriptedSwitch]:
    stage = Stage()
    switch = kind(stage.sensor)
    stage.switch = switch
    object.__setattr__(stage.platform, "switch", switch)
    return stage, switch


def entries(folder: Path) -> list[tuple[str, str | None]]:
    """Kind and result of all entries."""
    with Reader(folder / "journal.db") as log:
        return [(entry.kind, (entry.data.get("outcome") or {}).get("result")) for entry in log.entries()]


def test_two_words_at_once_are_each_answered_with_what_came_of_them(tmp_path: Path) -> None:
    async def scene() -> None:
        stage, switch = with_switch(SlowSwitch)
        assert isinstance(switch, SlowSwitch)
        play = make(stage, tmp_path)
        async with playing(play):
            off = asyncio.create_task(play.guard.switch(Power.OFF, EVERY, None, "anna"))
            await asyncio.to_thread(switch.entered.wait, PATIENCE_S)
            on = asyncio.create_task(play.guard.switch(Power.ON, EVERY, None, "bert"))
            await play.until(lambda: play.kinds().count(Kind.POWER_SAID) == 2)
            switch.go_on.set()
            async with asyncio.timeout(PATIENCE_S):
                assert [(each.power, each.outcome.result) for each in await off] == [(Power.OFF, Result.OFF)]
                assert [(each.power, each.outcome.result) for each in await on] == [(Power.ON, Result.ON)]
            assert play.off == set()

    asyncio.run(scene())


def test_who_no_longer_waits_for_a_switch_leaves_the_others_waiting(tmp_path: Path) -> None:
    async def scene() -> None:
        stage, switch = with_switch(SlowSwitch)
        assert isinstance(switch, SlowSwitch)
        play = make(stage, tmp_path)
        async with playing(play):
            first = asyncio.create_task(play.guard.switch(Power.OFF, EVERY, None, "anna"))
            second = asyncio.create_task(play.guard.switch(Power.OFF, CAMERA.id, None, "bert"))
            await asyncio.to_thread(switch.entered.wait, PATIENCE_S)
            await play.until(lambda: play.kinds().count(Kind.POWER_SAID) == 2)
            first.cancel()
            await asyncio.wait([first])
            switch.go_on.set()
            async with asyncio.timeout(PATIENCE_S):
                assert [each.outcome.result for each in await second] == [Result.OFF]

    asyncio.run(scene())


def test_two_cameras_in_one_device_go_off_with_one_switch(tmp_path: Path) -> None:
    async def scene() -> None:
        stage, switch = with_switch(TwinSwitch)
        stage.sensor.cameras = (CAMERA, OTHER_CAMERA)
        play = make(stage, tmp_path)
        async with playing(play):
            results = await play.guard.switch(Power.OFF, EVERY, None, "anna")
            assert {each.outcome.result for each in results} == {Result.OFF}
            assert play.off == {CAMERA.id, OTHER_CAMERA.id}
            assert [power for power, _ in switch.calls] == ["off"]
            results = await play.guard.switch(Power.ON, EVERY, None, "anna")
            assert [each.outcome.result for each in results] == [Result.ON]

    asyncio.run(scene())
    assert [result for kind, result in entries(tmp_path) if kind == Kind.ACTION_COMPLETED] == ["off", "on"]


def test_stopped_in_the_middle_of_a_switch_it_ends_that_first_and_writes_down_what_came_of_it(tmp_path: Path) -> None:
    async def scene() -> None:
        stage, switch = with_switch(SlowSwitch)
        assert isinstance(switch, SlowSwitch)
        play = make(stage, tmp_path)
        async with playing(play) as running:
            told = asyncio.create_task(play.guard.switch(Power.OFF, EVERY, None, "anna"))
            await asyncio.to_thread(switch.entered.wait, PATIENCE_S)
            running.cancel()
            await asyncio.sleep(0)
            switch.go_on.set()
            await asyncio.wait([running])
            assert [each.outcome.result for each in await told] == [Result.OFF]

    asyncio.run(scene())
    assert entries(tmp_path)[-3:] == [
        ("action.pending", None),
        ("action.completed", "off"),
        ("guard.stopped", None),
    ]
    [held] = StandingFile(tmp_path / "cameras.json").load().held
    assert held.done


def test_what_is_asked_of_a_guard_that_has_ended_hangs_nobody(tmp_path: Path) -> None:
    async def scene() -> None:
        play = make(Stage(), tmp_path)
        async with playing(play):
            pass
        asking = asyncio.create_task(play.guard.ask(lambda _: []))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([asking])
        assert asking.cancelled()

    asyncio.run(scene())


def test_what_was_said_last_before_the_end_is_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        play = make(Stage(), tmp_path)
        async with playing(play) as running:
            switching = play.guard.switching
            assert switching is not None
            said = asyncio.create_task(
                play.guard.ask(
                    lambda now: [switching.board.say(Power.OFF, EVERY, None, "anna", now, whole=False)],
                )
            )
            await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running, said])

    asyncio.run(scene())
    assert (Kind.POWER_SAID, None) in entries(tmp_path)
    assert StandingFile(tmp_path / "cameras.json").load().words[EVERY].power is Power.OFF


def test_a_rule_for_one_use_that_cannot_be_removed_holds_no_longer_and_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inforce, "RETRY_S", 0.2)
    rules = StubbornBook(RuleBook(tmp_path / "rules.toml"))
    rules.book.add(Rule("", Effect.ALLOW, app().identity, lasting=Lasting.ONCE))

    async def scene() -> None:
        play = make(Stage(), tmp_path, rules)
        async with playing(play) as running:
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(lambda: Kind.JUDGED in play.kinds())
            play.stage.sensor.hold()
            await play.until(lambda: Kind.ENDED in play.kinds())
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(lambda: Kind.ALERT in play.kinds())
            assert len(rules.book.current()) == 1
            rules.broken = False
            await play.until(lambda: Kind.RULE_REMOVED in play.kinds())
            assert not running.done()

    asyncio.run(scene())
    assert rules.book.current() == ()


def test_a_switch_that_failed_is_not_waited_for_once_the_camera_is_unplugged(tmp_path: Path) -> None:
    async def scene() -> None:
        stage, switch = with_switch(ScriptedSwitch)
        switch.stuck = "the driver hangs"
        play = make(stage, tmp_path)
        async with playing(play):
            [failed] = await play.guard.switch(Power.OFF, EVERY, None, "anna")
            assert failed.outcome.result is Result.REFUSED
            stage.sensor.plug()
            await play.until(lambda: not play.guard.cameras)
            stage.advance(10)
            await play.guard.ask(lambda _: [])
            await play.until(lambda: stage.alarms[-1].at is None)

    asyncio.run(scene())
