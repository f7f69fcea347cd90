"""What only the Linux sensor does: going blind and saying so, overflow, storms."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.events import Blinded, CamerasSeen, SightRestored
from camguard.core.model import Camera
from camguard.errors import SensorError
from camguard.platform.linux import fanotify
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.nodewatch import Hints, Mailbox
from camguard.platform.linux.sensor import LinuxSensor
from tests.support.detection import PretendSource, Scene, Stage, folder_for_nodes


class StubbornSource(PretendSource):
    """A source that goes on listing a camera whose node is gone."""

    last: tuple[Camera, ...] = ()

    def cameras(self) -> tuple[Camera, ...]:
        now = super().cameras()
        self.last = tuple(
            camera if camera.nodes or not self.last else dataclasses.replace(camera, nodes=self.last[0].nodes)
            for camera in now
        )
        return self.last


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with folder_for_nodes(tmp_path) as folder:
        source = StubbornSource(folder)
        source.add()
        stage = Stage(lambda source: LinuxSensor(source, LinuxClock(), tracefs=None), source)
        yield stage
        for actor in stage.actors:
            actor.end()


def test_a_node_that_cannot_be_watched_is_told_and_made_good(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        path = scene.source.path()
        path.unlink()
        await scene.until(lambda: any(isinstance(each, Blinded) for each in scene.seen))
        scene.source.add()
        await scene.until(lambda: any(isinstance(each, SightRestored) for each in scene.seen))
        actor.do("open", path)
        await scene.until_held_by(actor.pid)

    scene = stage.play(story)
    (blinded,) = [each for each in scene.seen if isinstance(each, Blinded)]
    (restored,) = [each for each in scene.seen if isinstance(each, SightRestored)]
    assert blinded.what == restored.what == str(stage.source.path())
    assert "plug the camera in again" in blinded.why


def test_an_overflow_is_told_once_and_everything_looked_at_again(stage: Stage) -> None:
    actor = stage.actor()
    fd = actor.do("open", stage.source.path())

    async def story(scene: Scene) -> None:
        assert isinstance(scene.sensor, LinuxSensor)
        run = scene.sensor._watching
        assert run is not None
        run._box.put(str(scene.source.path()), Hints(overflow=True))
        run._box.put("", Hints(overflow=True))
        await scene.until(lambda: any(isinstance(each, SightRestored) for each in scene.seen))
        actor.do("close", fd)
        await scene.until_held_by()

    scene = stage.play(story)
    assert [each.what for each in scene.seen if isinstance(each, Blinded | SightRestored)] == ["queue", "queue"]


def test_lost_frames_are_told_and_everything_looked_at_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        assert isinstance(scene.sensor, LinuxSensor)
        run = scene.sensor._watching
        assert run is not None
        lost = iter([True])
        monkeypatch.setattr(run._frames, "lost", lambda: next(lost, False))
        run._frames.ready = True
        run._stir.set()
        await scene.until(lambda: any(isinstance(each, SightRestored) for each in scene.seen))

    scene = stage.play(story)
    (blinded,) = [each for each in scene.seen if isinstance(each, Blinded)]
    assert "more pictures were taken" in blinded.why


def test_no_cameras_at_all(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        assert [type(each) for each in scene.seen] == [CamerasSeen]

    stage = Stage(lambda source: LinuxSensor(source, LinuxClock(), tracefs=None), PretendSource(tmp_path))

    async def first_told(scene: Scene) -> None:
        await scene.until(lambda: bool(scene.seen))
        await story(scene)

    stage.play(first_told)


def test_rights_that_are_wanted_and_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanotify, "available", lambda: False)
    sensor = LinuxSensor(PretendSource(tmp_path), LinuxClock(), privileged=True)
    with pytest.raises(SensorError, match="root"):
        asyncio.run(sensor.watch(lambda _: None))
    assert "user" in LinuxSensor(PretendSource(tmp_path), LinuxClock()).method
    sensor.rescan()


def test_a_watch_that_ends_is_not_silence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = stage.actor()

    def deaf(_: object) -> list[fanotify.Event]:
        raise SensorError("deaf")

    if not fanotify.available():
        pytest.skip("fanotify takes root; run: sudo -E python -m pytest tests/integration")
    monkeypatch.setattr(fanotify.Group, "read", deaf)

    async def story(scene: Scene) -> None:
        actor.do("open", scene.source.path())
        await scene.until(lambda: False)

    with pytest.raises(SensorError, match="deaf"):
        stage.play(story)


def test_everything_is_given_back(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        fd = actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)
        actor.do("close", fd)
        await scene.until_held_by()

    stage.play(story)
    before = descriptors()
    stage.play(story)
    assert descriptors() == before
    assert stage.source.told == []


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}


def test_hints_wake_once_and_merge() -> None:
    woken: list[None] = []
    box = Mailbox(lambda: woken.append(None))
    for pid in range(1000):
        box.put("node", Hints(pids={pid % 10}, closed=True))
    assert len(woken) == 1
    assert box.waiting()
    (hints,) = box.take().values()
    assert hints == Hints(pids=set(range(10)), closed=True)
    assert not box.waiting()
