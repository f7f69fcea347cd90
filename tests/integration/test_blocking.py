"""Blocks: what is on disk before a program is asked to end, what is in hand by then, and what does not wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from camguard import blocking
from camguard.blocking import Blow, Finding, Findings, Writing
from camguard.core.casebook import Identify, Identity
from camguard.core.details import Details
from camguard.core.events import Report
from camguard.core.model import App, AppIdentity, Outcome, Process, Result, Step
from camguard.ending import Order, pending
from camguard.errors import JournalWriteError
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from camguard.ports import Onlooker, Tell
from tests.support.core_data import CAMERA, app, process
from tests.support.scripted import ScriptedControl, ScriptedIdentifier, Stage

LONG_S = 10.0


@dataclass
class Watched(ScriptedControl):
    """Does as a test says before it ends somebody, and goes on only when it is let."""

    before: Callable[[Process], None] = lambda _: None
    let: threading.Event = field(default_factory=threading.Event)

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        self.before(process)
        assert self.let.wait(LONG_S)
        return super().end(process, tell, patience_s)


class Scene:
    """A journal on disk, and a control that is watched."""

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        self.stage = Stage()
        self.path = folder / "journal.db"
        self.journal = Journal.open(self.path, self.stage.clock)
        resources.callback(self.journal.close)
        self.control = Watched(self.stage.sensor)
        self.control.let.set()
        self.platform = replace(self.stage.platform, control=self.control)
        self.writing = Writing(self.journal)
        resources.callback(self.writing.close)

    def blow(self, pid: int = 7, finding: Finding | None = None, tell: Tell = lambda _: None) -> Blow:
        return Blow(self.platform, Order(CAMERA, frozenset({process(pid)}), "rule r1"), tell, finding)

    async def deal(self, *blows: Blow) -> tuple[Report, ...]:
        return await self.writing.append([pending(self.platform, blow.order) for blow in blows], blows)

    def on_disk(self) -> list[str]:
        with Reader(self.path) as log:
            return [entry.kind for entry in log.entries(0)]


class Past:
    """Knows of three earlier uses."""

    def times_seen(self, identity: AppIdentity) -> tuple[int, int | None]:
        return (3, 5)


def _play(folder: Path, play: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        with ExitStack() as resources:
            await play(Scene(folder, resources))

    asyncio.run(whole())


def test_the_pending_entry_is_on_disk_when_the_blow_falls(tmp_path: Path) -> None:
    async def play(scene: Scene) -> None:
        found: list[list[str]] = []
        scene.control.before = lambda _: found.append(scene.on_disk())
        blows = [scene.blow(7), scene.blow(8)]
        written = await scene.deal(*blows)
        assert [report.seq for report in written] == [1, 2]
        outcomes = [await asyncio.wrap_future(blow.dealt) for blow in blows]
        assert [each.result for (each,) in outcomes] == [Result.ENDED, Result.ENDED]
        assert found == [["action.pending", "action.pending"]] * 2

    _play(tmp_path, play)


def test_without_its_entry_on_disk_no_blow_falls(tmp_path: Path) -> None:
    class Full(Journal):
        def append(self, reports: Sequence[Report]) -> tuple[Report, ...]:
            raise JournalWriteError("the disk is full")

    async def play(scene: Scene) -> None:
        scene.writing = Writing(Full(scene.path, scene.stage.clock))
        with pytest.raises(JournalWriteError):
            await scene.deal(scene.blow(7), scene.blow(8))
        scene.writing.close()
        assert scene.control.ended == []

    _play(tmp_path, play)


def test_what_would_be_lost_is_in_hand_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "SECURE_S", LONG_S)  # however long a busy machine takes to come to it

    async def play(scene: Scene) -> None:
        finding = Finding()
        in_hand = threading.Event()
        seen: list[bool] = []
        scene.control.before = lambda _: seen.append(in_hand.is_set())
        blow = scene.blow(finding=finding)

        def find_out() -> None:
            in_hand.set()
            finding.secured()

        dealing = asyncio.ensure_future(scene.deal(blow))
        await asyncio.to_thread(find_out)
        await dealing
        assert seen == [True]

    _play(tmp_path, play)


def test_who_cannot_be_found_out_about_is_ended_all_the_same(tmp_path: Path) -> None:
    async def play(scene: Scene) -> None:
        await scene.deal(scene.blow(finding=Finding()))
        assert scene.control.ended == [7]

    _play(tmp_path, play)


def test_one_who_does_not_let_himself_be_ended_keeps_nobody_else(tmp_path: Path) -> None:
    async def play(scene: Scene) -> None:
        scene.control.let.clear()
        slow = scene.blow(7)
        await scene.deal(slow)
        assert not slow.dealt.done()
        scene.control.before = lambda _: scene.control.let.set()  # who comes next frees both
        await scene.writing.append([pending(scene.platform, slow.order)], ())
        await scene.deal(scene.blow(8))
        await asyncio.wrap_future(slow.dealt)
        assert sorted(scene.control.ended) == [7, 8]

    _play(tmp_path, play)


def test_it_is_told_once_the_first_step_was_taken(tmp_path: Path) -> None:
    async def play(scene: Scene) -> None:
        waiting = threading.Event()
        steps: list[Step] = []

        def tell(step: Step) -> None:
            steps.append(step)
            assert waiting.wait(LONG_S)

        blow = scene.blow(tell=tell)
        await scene.deal(blow)
        assert not blow.dealt.done()
        waiting.set()
        await asyncio.wrap_future(blow.dealt)
        assert len(steps) == 1

    _play(tmp_path, play)


def test_what_fails_is_told_to_whoever_waits_for_the_outcome(tmp_path: Path) -> None:
    async def play(scene: Scene) -> None:
        def fail(_: Process) -> None:
            raise RuntimeError("a mistake")

        scene.control.before = fail
        blow = scene.blow()
        await scene.deal(blow)
        with pytest.raises(RuntimeError, match="a mistake"):
            await asyncio.wrap_future(blow.dealt)

    _play(tmp_path, play)


@pytest.mark.parametrize(("urgent", "blocked"), [(True, True), (True, False), (False, True)])
def test_whoever_is_to_be_blocked_is_told_of_before_all_is_known(*, urgent: bool, blocked: bool) -> None:
    async def play() -> None:
        told: list[Identity] = []
        findings = Findings(Stage().platform, Past())
        findings.expect(1)
        assert findings.of(1) is not None
        identity = await findings.begin(Identify(1, process(7), urgent), lambda _: blocked, told.append)
        assert identity.times_seen == 3
        assert told == ([Identity(identity.app, identity.details)] if urgent and blocked else [])
        assert findings.of(1) is None
        findings.close()

    asyncio.run(play())


def test_of_whom_nothing_was_said_before_the_end_it_is_told_then_and_once() -> None:
    class Silent(ScriptedIdentifier):
        def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
            return app(), Details()

    async def play() -> None:
        told: list[Identity] = []
        findings = Findings(replace(Stage().platform, identifier=Silent()), Past())
        findings.expect(1)
        await findings.begin(Identify(1, process(7), urgent=True), lambda _: True, told.append)
        assert told == [Identity(app(), Details())]
        findings.close()

    asyncio.run(play())


@pytest.mark.parametrize("early", [True, False])
def test_the_rest_of_finding_out_waits_for_the_blow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, early: bool
) -> None:
    monkeypatch.setattr(blocking, "ASIDE_S", LONG_S)  # however long the disk takes to write that it falls

    class Slow(ScriptedIdentifier):
        def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
            assert onlooker is not None
            if early:
                onlooker.known(app(), Details())
            else:
                onlooker.secured()
            order.append("the rest")
            return app(), Details()

    order: list[str] = []

    async def play(scene: Scene) -> None:
        findings = Findings(replace(scene.platform, identifier=Slow()), Past())
        findings.expect(1)
        scene.control.before = lambda _: order.append("the blow")
        blow = scene.blow(finding=findings.of(1))
        found = findings.begin(Identify(1, process(7), urgent=early), lambda _: True, lambda _: None)
        await scene.deal(blow)
        await found
        findings.close()
        assert order == ["the blow", "the rest"]

    _play(tmp_path, play)
