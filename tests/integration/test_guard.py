"""The engine with a real journal on disk and a sensor played by hand."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from camguard.core.activations import Timing
from camguard.core.casebook import Casebook
from camguard.core.details import Details
from camguard.core.events import Blinded, Kind, Report
from camguard.core.model import NANOSECONDS, App, Camera, Effect, Judgement, Lasting, Process, Result, Rule, Step
from camguard.core.timekeeping import Reading
from camguard.ending import Order, end_use
from camguard.errors import SensorError
from camguard.guard import Guard
from camguard.heartbeat import Heart
from camguard.journal.patient import PatientJournal
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.ports import Onlooker
from camguard.rulebook import RuleBook
from tests.support.core_data import CAMERA, OTHER_CAMERA, app, holder, later, process
from tests.support.scripted import ScriptedTimekeeper, Stage

PATIENCE_S = 10.0


@dataclass
class Play:
    """A guard on a scripted stage, with what it reported."""

    stage: Stage
    guard: Guard
    path: Path
    reports: list[Report] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, report: Report) -> None:
        self.reports.append(report)
        self.news.set()

    async def until(self, kind: Kind, count: int = 1) -> Report:
        """The `count`-th report of a kind, waited for."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [report for report in self.reports if report.kind is kind]) < count:
                self.news.clear()
                await self.news.wait()
        return found[count - 1]

    def kinds(self) -> list[Kind]:
        return [report.kind for report in self.reports]


def make(folder: Path, rules: list[Rule] | None = None, timekeeper: ScriptedTimekeeper | None = None) -> Play:
    stage = Stage(timekeeper=timekeeper)
    path = folder / "journal.db"
    book = RuleBook(folder / "rules.toml")
    for rule in rules or []:
        book.add(rule)
    with ExitStack() as resources:
        journal = PatientJournal(lambda: Journal.open(path, stage.clock), stage.clock)
        resources.callback(journal.close)
        reader = resources.enter_context(Reader(path))
        casebook = Casebook(Timing(), reader.next_number())
        guard = Guard(stage.platform, journal, reader, book, casebook, resources.pop_all())
    play = Play(stage, guard, path)
    guard.listen(play.hear)
    return play


@asynccontextmanager
async def playing(
    folder: Path, rules: list[Rule] | None = None, timekeeper: ScriptedTimekeeper | None = None
) -> AsyncIterator[Play]:
    play = make(folder, rules, timekeeper)
    running = asyncio.create_task(play.guard.run())
    try:
        await play.until(Kind.CAMERA_ADDED)
        yield play
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def rule(effect: Effect, lasting: Lasting = Lasting.ALWAYS) -> Rule:
    return Rule("", effect, app().identity, lasting=lasting)


def written(path: Path) -> list[str]:
    with Reader(path) as reader:
        return [entry.kind for entry in reader.entries()]


def test_a_use_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:
            on_disk_when_told: list[bool] = []

            def check(report: Report) -> None:
                with Reader(play.path) as reader:
                    on_disk_when_told.append(any(entry.seq == report.seq for entry in reader.entries()))

            play.guard.listen(check)
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(Kind.ALERT)
            play.stage.sensor.hold()
            await play.until(Kind.ENDED)
            assert on_disk_when_told
            assert all(on_disk_when_told)

    asyncio.run(scene())
    assert written(tmp_path / "journal.db") == [
        "guard.started", "camera.added", "opened", "capturing", "judged", "alert", "ended", "guard.stopped",
    ]  # fmt: skip


def test_a_sleep_is_told_as_the_machine_wakes_and_before_what_came_after(tmp_path: Path) -> None:
    async def scene() -> None:
        keeper = ScriptedTimekeeper()
        async with playing(tmp_path, timekeeper=keeper) as play:
            [woken] = keeper.followers
            keeper.reading = Reading(later(100), 60 * NANOSECONDS, "Europe/Berlin")
            woken()
            slept = await play.until(Kind.MACHINE_SLEPT)
            assert (slept.extra or {})["from"]["utc_ns"] == later(40).utc_ns
            keeper.reading = Reading(later(300), 120 * NANOSECONDS, "Europe/Berlin")
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(Kind.OPENED)
            assert play.kinds().index(Kind.OPENED) > play.kinds().index(Kind.MACHINE_SLEPT, 3)
        assert keeper.followers == []

    asyncio.run(scene())


def test_a_sign_of_life_is_left_by_a_guard_that_turns_and_by_no_other(tmp_path: Path) -> None:
    async def scene() -> None:
        left = threading.Event()
        async with playing(tmp_path) as play:
            play.guard.beat = left.set
            await Heart(play.guard).beat()
            assert await asyncio.to_thread(left.wait, PATIENCE_S)
        left.clear()
        with pytest.raises(asyncio.CancelledError):
            await Heart(play.guard).beat()
        assert not left.is_set()

    asyncio.run(scene())


def test_the_next_guard_goes_on_counting_and_remembers_the_app(tmp_path: Path) -> None:
    async def scene(expected: str) -> str:
        async with playing(tmp_path) as play:
            play.stage.sensor.hold(holder(mapped=True))
            report = await play.until(Kind.ALERT)
            assert report.verdict is not None
            assert report.verdict.sentence == expected
            play.stage.sensor.hold()
            await play.until(Kind.ENDED)
            assert report.activation is not None
            return report.activation.id

    assert asyncio.run(scene("first use by this app")) == "a1"
    assert asyncio.run(scene("no rule allows it; it used a camera once before")) == "a2"


def test_an_allowed_app_raises_no_alert(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.ALLOW)]) as play:
            play.stage.sensor.hold(holder(mapped=True))
            report = await play.until(Kind.JUDGED)
            assert report.verdict is not None
            assert report.verdict.judgement is Judgement.EXPECTED
            play.stage.sensor.hold()
            await play.until(Kind.ENDED)
            assert Kind.ALERT not in play.kinds()

    asyncio.run(scene())


def test_a_blocked_app_is_ended_with_a_pending_entry_first(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.BLOCK)]) as play:
            play.stage.sensor.hold(holder(7))
            done = await play.until(Kind.ACTION_COMPLETED)
            assert done.outcome is not None
            assert done.outcome.result is Result.ENDED
            assert play.stage.control.ended == [7]
            await asyncio.sleep(0.05)

    asyncio.run(scene())
    kinds = written(tmp_path / "journal.db")
    assert kinds.index("action.pending") < kinds.index("action.completed")


def test_a_block_that_takes_knowing_who_it_is_goes_to_disk_with_the_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camguard.guard.HURRY_S", PATIENCE_S)  # however long a busy machine takes to find that out

    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.BLOCK)]) as play:
            told: list[list[Kind]] = [[]]

            def hear(report: Report) -> None:
                told[-1].append(report.kind)
                asyncio.get_running_loop().call_soon(lambda: told.append([]) if told[-1] else None)

            play.guard.listen(hear)
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.ACTION_COMPLETED)
            assert told[0] == [Kind.OPENED, Kind.JUDGED, Kind.ALERT, Kind.ACTION_PENDING]
            assert play.stage.sensor.stood_aside == 1

    asyncio.run(scene())


def test_who_takes_long_to_be_known_is_on_disk_before_that(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.BLOCK)]) as play:
            known = threading.Event()
            identify = play.stage.identifier.identify

            def slow(process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
                assert known.wait(PATIENCE_S)
                return identify(process, onlooker)

            play.stage.identifier.identify = slow  # type: ignore[method-assign]  # as a large program would
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.OPENED)
            assert Kind.ACTION_PENDING not in play.kinds()
            known.set()
            await play.until(Kind.ACTION_COMPLETED)
            assert play.stage.control.ended == [7]

    asyncio.run(scene())


def test_a_child_that_took_the_camera_over_is_ended_too(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:
            play.stage.control.leaves[7] = holder(8)
            play.stage.sensor.hold(holder(7))
            opened = await play.until(Kind.OPENED)
            steps: list[Step] = []
            order = Order(CAMERA, frozenset({process(7)}), "anna", opened.activation)
            outcome = await end_use(play.guard.platform, play.guard.record, order, steps.append)
            assert outcome.result is Result.ENDED
            assert [step.pid for step in steps] == [7, 8]

    asyncio.run(scene())


def test_a_kin_that_holds_no_camera_is_left_alone(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:  # a browser (6) and the process (7) that it has for the camera
            assert process(6).kinship == process(7).kinship
            play.stage.sensor.hold(holder(7))
            opened = await play.until(Kind.OPENED)
            order = Order(CAMERA, frozenset({process(7)}), "anna", opened.activation)
            await end_use(play.guard.platform, play.guard.record, order, lambda _: None)
            assert play.stage.control.ended == [7]

    asyncio.run(scene())


def test_a_refusal_says_who_holds_on_and_why(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:
            play.stage.control.stubborn.add(7)
            play.stage.sensor.hold(holder(7))
            await play.until(Kind.OPENED)
            order = Order(CAMERA, frozenset({process(7)}), "anna")
            outcome = await end_use(play.guard.platform, play.guard.record, order, lambda _: None)
            assert (outcome.result, outcome.why) == (Result.REFUSED, "it is part of the session")
            assert outcome.left == (process(7),)
            assert play.stage.control.ended == [7], "what was refused is not tried again"

    asyncio.run(scene())


def test_a_rule_for_one_use_is_gone_after_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.ALLOW, Lasting.ONCE)]) as play:
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(Kind.RULE_REMOVED)
            play.stage.sensor.hold()
            await play.until(Kind.ENDED)
            play.stage.sensor.hold(holder(mapped=True))
            await play.until(Kind.ALERT)

    asyncio.run(scene())
    assert RuleBook(tmp_path / "rules.toml").current() == ()


def test_rules_that_break_while_the_guard_runs_leave_the_last_good_ones_in_force(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path, [rule(Effect.ALLOW)]) as play:
            good = (tmp_path / "rules.toml").read_text()
            (tmp_path / "rules.toml").write_text("[[rule]\nthis is no TOML")
            play.stage.sensor.hold(holder(mapped=True))
            blind = await play.until(Kind.GUARD_BLIND)
            assert blind.extra is not None
            assert "rules.toml" in blind.extra["why"]
            judged = await play.until(Kind.JUDGED)
            assert judged.verdict is not None
            assert judged.verdict.judgement is Judgement.EXPECTED
            (tmp_path / "rules.toml").write_text(good)
            play.stage.sensor.hold()
            await play.until(Kind.GUARD_SIGHTED)

    asyncio.run(scene())


def test_time_alone_turns_a_long_open_into_use(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:
            play.stage.sensor.hold(holder())
            await play.until(Kind.JUDGED)
            assert Kind.CAPTURING not in play.kinds()
            play.stage.clock.advance(3)
            play.stage.sensor.show()  # any event wakes the consumer; a real clock's timer does it otherwise
            await play.until(Kind.ALERT)

    asyncio.run(scene())


def test_a_sensor_that_fails_ends_the_guard_and_the_log_says_that_it_stopped(tmp_path: Path) -> None:
    async def scene() -> None:
        play = make(tmp_path)
        running = asyncio.create_task(play.guard.run())
        await play.until(Kind.CAMERA_ADDED)
        play.stage.sensor.fail(SensorError("the watch is gone"))
        with pytest.raises(SensorError, match="the watch is gone"):
            await asyncio.wait_for(running, PATIENCE_S)

    asyncio.run(scene())
    assert written(tmp_path / "journal.db")[-1] == "guard.stopped"


def test_what_came_in_last_is_written_before_the_guard_stops(tmp_path: Path) -> None:
    async def scene() -> None:
        async with playing(tmp_path) as play:
            play.guard._inbox.put_nowait(Blinded("queue", "too much at once", play.stage.clock.now()))

    asyncio.run(scene())
    assert written(tmp_path / "journal.db")[-2:] == ["guard.blind", "guard.stopped"]


def test_many_events_at_once_are_one_commit_and_none_is_lost(tmp_path: Path) -> None:
    cameras: tuple[Camera, ...] = (CAMERA, OTHER_CAMERA)

    async def scene() -> None:
        play = make(tmp_path)
        play.stage.sensor.cameras = cameras
        running = asyncio.create_task(play.guard.run())
        await play.until(Kind.CAMERA_ADDED, 2)
        for number in range(500):
            play.stage.sensor.hold(holder(7, f"/opt/app{number}", mapped=True), camera=cameras[number % 2].id)
        play.stage.sensor.hold(camera=CAMERA.id)
        play.stage.sensor.hold(camera=OTHER_CAMERA.id)
        await play.until(Kind.ENDED, 500)
        await play.until(Kind.ALERT, 500)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(scene())
    kinds = written(tmp_path / "journal.db")
    assert [kinds.count(kind) for kind in ("opened", "capturing", "alert", "ended")] == [500] * 4
