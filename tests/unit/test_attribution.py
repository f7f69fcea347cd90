"""What is told of a camera that a broker has open, by what PipeWire says and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from camguard.core.events import CamerasSeen, FramesSeen, HoldersSeen, Sighting
from camguard.core.model import NANOSECONDS, Camera, CameraId, Holder, Moment, Process, ProcessIdentity
from camguard.platform.linux import attribution
from camguard.platform.linux.attribution import Attribution
from camguard.platform.linux.brokers import Brokers, Uses
from camguard.platform.linux.monitors import Monitors
from camguard.platform.linux.procfs import ProcessReader

CAMERA = Camera(CameraId("one"), "One", ())


def moment(second: int) -> Moment:
    return Moment(second * NANOSECONDS, 0, second * NANOSECONDS, "boot")


def process(pid: int, name: str = "app") -> Process:
    return Process(ProcessIdentity(pid, pid, "boot"), name, f"/usr/bin/{name}", 1000)


BROKER, OTHER = process(10, "pipewire"), process(20)
CLIENTS = frozenset({Holder(process(30), mapped=True)})


class Said(Brokers):
    """Brokers by name, whose clients are what the test says."""

    def __init__(self) -> None:
        super().__init__(ProcessReader(), lambda _: None)
        self.said: frozenset[Holder] | None = None

    def is_broker(self, process: Process) -> bool:
        return process.name == "pipewire"

    def is_brokers(self, pid: int) -> bool:
        return pid == BROKER.pid

    def clients(self, broker: Process, camera: Camera, uses: Uses) -> frozenset[Holder] | None:
        return self.said


class Nothing(Monitors):
    """Monitors that follow nobody: `Said` tells the clients."""

    start: float | None = None

    def uses(self, uid: int) -> Uses | None:
        return ()

    def starts(self, uid: int) -> float | None:
        return self.start


@dataclass
class Scene:
    """An attribution, and what it has told."""

    brokers: Said = field(default_factory=Said)
    told: list[Sighting] = field(default_factory=list)
    attribution: Attribution = field(init=False)
    monitors: Nothing = field(init=False)
    ticks: int = 0

    def __post_init__(self) -> None:
        self.attribution = Attribution(self.brokers, self, self.told.append)
        self.monitors = Nothing(lambda _: None, lambda: None)
        self.attribution._monitors = self.monitors
        self.attribution.deliver(CamerasSeen((CAMERA,), self.now()))

    def now(self) -> Moment:
        self.ticks += 1
        return moment(self.ticks)

    def see(self, *holders: Holder, openers: tuple[Process, ...] = (), first: bool = False) -> None:
        self.attribution.deliver(HoldersSeen(CAMERA.id, frozenset(holders), self.now(), openers, first))

    def say(self, clients: frozenset[Holder] | None) -> None:
        self.brokers.said = clients
        self.attribution._look_again()

    @property
    def seen(self) -> list[tuple[frozenset[Holder], tuple[Process, ...], bool]]:
        return [(each.holders, each.openers, each.first) for each in self.told if isinstance(each, HoldersSeen)]


def play(story: Callable[[Scene], None]) -> Scene:
    async def act() -> Scene:
        scene = Scene()
        story(scene)
        return scene

    return asyncio.run(act())


NOBODY: frozenset[Holder] = frozenset()


def test_a_broker_that_opens_and_serves_nobody_is_told_as_a_look_when_it_lets_go() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER), openers=(BROKER,))
        scene.say(NOBODY)
        assert not scene.seen
        scene.see()

    assert play(story).seen == [(NOBODY, (BROKER,), False)]


def test_a_look_that_is_over_at_once_is_told_at_once() -> None:
    assert play(lambda scene: scene.see(openers=(BROKER,))).seen == [(NOBODY, (BROKER,), False)]


def test_a_broker_that_served_somebody_is_not_told_at_all() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER), openers=(BROKER,))
        scene.say(CLIENTS)
        scene.say(CLIENTS)
        scene.say(NOBODY)
        scene.see()

    assert play(story).seen == [(CLIENTS, (), False), (NOBODY, (), False)]


def test_others_are_told_as_they_are_seen() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER), Holder(OTHER), openers=(BROKER, OTHER))
        scene.say(CLIENTS)
        scene.see(Holder(BROKER))

    assert play(story).seen == [
        (frozenset({Holder(OTHER)}), (OTHER,), False),
        (CLIENTS | {Holder(OTHER)}, (), False),
        (CLIENTS, (), False),
    ]


@pytest.mark.parametrize("clients", [NOBODY, CLIENTS])
def test_the_first_look_waits_for_what_the_broker_says(clients: frozenset[Holder]) -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER), Holder(OTHER), first=True)
        scene.see(Holder(BROKER), Holder(OTHER), openers=(OTHER,))
        assert not scene.seen
        scene.say(clients)

    assert play(story).seen == [(clients | {Holder(OTHER)}, (OTHER,), True)]


def test_what_is_not_explained_is_told_as_the_brokers_own_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER, mapped=True), openers=(BROKER,))
        scene.say(None)
        assert not scene.seen
        monkeypatch.setattr(attribution, "GRACE_S", 0.0)
        scene.say(None)
        scene.say(CLIENTS)
        scene.see()

    expected = frozenset({Holder(BROKER, mapped=True)})
    assert play(story).seen == [(expected, (), False), (CLIENTS, (), False), (NOBODY, (), False)]


def test_a_monitor_that_is_only_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "GRACE_S", 0.0)
    monkeypatch.setattr(attribution, "PICTURES_S", 0.0)

    def story(scene: Scene) -> None:
        scene.monitors.start = 5.0
        scene.see(Holder(BROKER, mapped=True))
        for _ in range(3):
            scene.attribution.deliver(FramesSeen(CAMERA.id, 10, 1, scene.now()))
        assert not scene.seen
        scene.say(CLIENTS)
        scene.say(None)
        scene.monitors.start = None
        scene.say(None)

    expected = frozenset({Holder(BROKER, mapped=True)})
    assert play(story).seen == [(CLIENTS, (), False), (expected, (), False)]


def test_clients_stay_while_it_is_not_known_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER))
        scene.say(CLIENTS)
        scene.say(None)
        scene.say(CLIENTS)

    assert play(story).seen == [(CLIENTS, (), False)]


def test_each_time_that_it_is_not_known_has_a_grace_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(scene: Scene) -> None:
        loop, later = asyncio.get_running_loop(), attribution.GRACE_S
        begun = loop.time()
        scene.see(Holder(BROKER))
        scene.say(None)
        scene.say(CLIENTS)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda: begun + 2 * later)
            scene.say(None)
        assert scene.seen == [(CLIENTS, (), False)]
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda: begun + 3 * later)
            scene.say(None)

    assert play(story).seen == [(CLIENTS, (), False), (frozenset({Holder(BROKER)}), (), False)]


def test_frames_that_the_broker_took_are_its_clients_where_that_is_clear() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER), Holder(OTHER))
        frames(scene, 10)
        scene.say(CLIENTS)
        frames(scene, 10)
        frames(scene, 20)
        scene.say(CLIENTS | {Holder(process(31), mapped=True)})
        frames(scene, 10)

    def frames(scene: Scene, pid: int) -> None:
        scene.attribution.deliver(FramesSeen(CAMERA.id, pid, 1, scene.now()))

    scene = play(story)
    assert [each.pid for each in scene.told if isinstance(each, FramesSeen)] == [30, 20]


def test_frames_that_are_heard_of_when_the_broker_does_not_have_the_camera_are_nobodys() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(OTHER))
        for pid in (10, 20):
            scene.attribution.deliver(FramesSeen(CAMERA.id, pid, 1, scene.now()))

    assert [each.pid for each in play(story).told if isinstance(each, FramesSeen)] == [20]


def test_a_broker_that_takes_pictures_for_nobody_is_told_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER))
        scene.say(NOBODY)
        frames = FramesSeen(CAMERA.id, 10, 1, scene.now())
        scene.attribution.deliver(frames)
        scene.attribution.deliver(frames)
        assert not scene.seen
        monkeypatch.setattr(attribution, "PICTURES_S", 0.0)
        scene.attribution.deliver(frames)
        monkeypatch.undo()
        scene.say(CLIENTS)

    scene = play(story)
    assert scene.seen == [(frozenset({Holder(BROKER)}), (), False), (CLIENTS, (), False)]
    assert [each.pid for each in scene.told if isinstance(each, FramesSeen)] == [10]


def test_a_camera_that_is_gone_is_forgotten_and_time_never_runs_back() -> None:
    def story(scene: Scene) -> None:
        scene.see(Holder(BROKER))
        scene.say(CLIENTS)
        stale = HoldersSeen(CAMERA.id, frozenset({Holder(OTHER)}), moment(1))
        scene.attribution.deliver(stale)
        scene.attribution.deliver(CamerasSeen((), scene.now()))
        scene.say(NOBODY)

    told = play(story).told
    assert isinstance(told[-1], CamerasSeen)
    moments = [each.at.boottime_ns for each in told]
    assert moments == sorted(moments)
