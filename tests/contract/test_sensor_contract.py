"""What every sensor must see, whatever it watches by: real processes, pretend cameras."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.events import CamerasSeen, HoldersSeen
from camguard.platform.linux import fanotify
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.sensor import LinuxSensor
from camguard.ports import Sensor
from tests.support.detection import PretendSource, Scene, Stage, folder_for_nodes, pid_of


def as_root(source: PretendSource) -> Sensor:
    if not fanotify.available():
        pytest.skip("fanotify takes root; run: sudo -E python -m pytest tests/contract")
    return LinuxSensor(source, LinuxClock(), privileged=True, tracefs=None)


def as_user(source: PretendSource) -> Sensor:
    return LinuxSensor(source, LinuxClock(), privileged=False)


@pytest.fixture(params=[as_root, as_user], ids=["root", "user"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with folder_for_nodes(tmp_path) as folder:
        source = PretendSource(folder)
        source.add()
        stage = Stage(request.param, source)
        try:
            yield stage
        finally:
            for actor in stage.actors:
                actor.end()


def test_open_hold_and_close(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        assert isinstance(scene.seen[0], CamerasSeen)
        assert scene.of()[0].first
        fd = actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)
        actor.do("close", fd)
        await scene.until_held_by()

    scene = stage.play(story)
    assert {pid_of(opener) for opener in scene.openers()} <= {actor.pid}
    assert not any(seen.first for seen in scene.of()[1:])
    stamps = [seen.at.boottime_ns for seen in scene.of()]
    assert stamps == sorted(stamps)


def test_the_facts_of_a_holder(stage: Stage) -> None:
    actor = stage.actor()
    actor.do("name", b"a) R 1\n(b".hex())

    async def story(scene: Scene) -> None:
        actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)

    (holder,) = stage.play(story).holders()
    assert holder.process.name == "a) R 1\n(b"
    assert holder.process.uid == os.getuid()
    assert holder.process.exe is not None
    assert os.path.samefile(holder.process.exe, f"/proc/{actor.pid}/exe")


def test_a_mapping_is_seen_and_outlives_its_descriptor(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        fd = actor.do("open", scene.source.path())
        actor.do("mmap", fd)
        await scene.until(lambda: any(holder.mapped for holder in scene.holders()))
        actor.do("close", fd)
        scene.sensor.rescan()
        other = stage.actor()
        kept = other.do("open", scene.source.path())
        await scene.until_held_by(actor.pid, other.pid)
        other.do("close", kept)
        await scene.until_held_by(actor.pid)
        actor.end()
        await scene.until_held_by()

    stage.play(story)


def test_a_short_open_is_not_silence(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        actor.do("look", scene.source.path(), 1)
        await scene.until(lambda: bool(scene.users()))
        await scene.until_held_by()

    assert stage.play(story).users() <= {actor.pid, None}


def test_an_opener_that_is_gone_at_once(stage: Stage) -> None:
    async def story(scene: Scene) -> None:
        path = str(scene.source.path())
        await asyncio.to_thread(lambda: subprocess.run(["cat", path], check=True, stdout=subprocess.DEVNULL))
        await scene.until(lambda: bool(scene.users()))
        await scene.until_held_by()

    stage.play(story)


def test_two_holders(stage: Stage) -> None:
    one, two = stage.actor(), stage.actor()

    async def story(scene: Scene) -> None:
        fd = one.do("open", scene.source.path())
        await scene.until_held_by(one.pid)
        two.do("open", scene.source.path())
        await scene.until_held_by(one.pid, two.pid)
        one.do("close", fd)
        await scene.until_held_by(two.pid)

    stage.play(story)


def test_a_forked_holder_outlives_the_opener(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)
        child = actor.do("fork")
        actor.leave()
        await scene.until_held_by(child)
        os.kill(child, 9)
        await scene.until_held_by()

    stage.play(story)


def test_a_descriptor_that_was_passed_on(stage: Stage) -> None:
    giver, taker = stage.actor(), stage.actor()

    async def story(scene: Scene) -> None:
        socket = scene.source.folder / "s"
        taker.do("listen", socket)
        fd = giver.do("open", scene.source.path())
        await scene.until_held_by(giver.pid)
        giver.do("send", socket, fd)
        taker.do("receive")
        giver.do("close", fd)
        await scene.until_held_by(taker.pid)

    stage.play(story)


def test_a_descriptor_that_is_on_its_way_for_a_while(stage: Stage) -> None:
    """Nobody has it meanwhile, and yet the camera is open."""
    giver, taker = stage.actor(), stage.actor()

    async def story(scene: Scene) -> None:
        socket = scene.source.folder / "s"
        taker.do("listen", socket)
        fd = giver.do("open", scene.source.path())
        await scene.until_held_by(giver.pid)
        giver.do("send", socket, fd)
        giver.do("close", fd)
        await scene.until(lambda: giver.pid not in scene.pids())
        taker.do("receive")
        await scene.until(lambda: taker.pid in scene.pids())
        taker.leave()
        await scene.until_held_by()

    stage.play(story)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_another_name_for_the_node(stage: Stage, link: object) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        other = scene.source.folder / "other name"
        other = other.with_name("other")
        assert callable(link)
        link(scene.source.path(), other)
        actor.do("open", other)
        await scene.until_held_by(actor.pid)

    stage.play(story)


def test_a_bind_mount_in_a_world_of_its_own(stage: Stage) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting takes root and util-linux; run: sudo -E python -m pytest tests/contract")
    elsewhere = stage.source.folder / "null"
    elsewhere.touch()
    script = f'mount --bind "{stage.source.path()}" "{elsewhere}" && exec "$0" "$@"'
    actor = stage.actor("unshare", "-m", "sh", "-c", script)

    async def story(scene: Scene) -> None:
        actor.do("open", elsewhere)
        await scene.until_held_by(actor.pid)

    stage.play(story)


def test_a_node_that_is_made_anew(stage: Stage) -> None:
    old, new = stage.actor(), stage.actor()

    async def story(scene: Scene) -> None:
        old.do("open", scene.source.path())
        await scene.until_held_by(old.pid)
        scene.source.remove()
        await scene.until(lambda: any(isinstance(each, CamerasSeen) and not each.cameras for each in scene.seen))
        scene.source.add()
        await scene.until(lambda: any(isinstance(each, CamerasSeen) and each.cameras for each in scene.seen[2:]))
        new.do("open", scene.source.path())
        await scene.until_held_by(new.pid)

    stage.play(story)


def test_a_node_that_is_made_anew_behind_the_back_of_the_source(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        path = scene.source.path()
        path.unlink()
        path.write_bytes(bytes(4096))
        scene.source.tell()
        actor.do("open", path)
        await scene.until_held_by(actor.pid)

    stage.play(story)


def test_a_camera_that_is_plugged_in_later(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        path = scene.source.add("two")
        actor.do("open", path)
        await scene.until_held_by(actor.pid, camera="two")

    scene = stage.play(story)
    assert not any(seen.first for seen in scene.of("two"))
    assert scene.pids("one") == set()


def test_what_is_open_at_the_start_is_present(stage: Stage) -> None:
    actor = stage.actor()
    fd = actor.do("open", stage.source.path())
    actor.do("mmap", fd)

    async def story(scene: Scene) -> None:
        (first,) = scene.of()
        assert first.first
        assert not first.openers
        ((pid, mapped),) = {(pid_of(holder.process), holder.mapped) for holder in first.holders}
        assert (pid, mapped) == (actor.pid, True)

    stage.play(story)


def test_nothing_is_told_where_nothing_happens(stage: Stage) -> None:
    stage.source.add("two")
    actor, other = stage.actor(), stage.actor()
    actor.do("open", stage.source.path("one"))

    async def story(scene: Scene) -> None:
        scene.sensor.rescan()
        for _ in range(3):
            fd = other.do("open", scene.source.path("two"))
            await scene.until_held_by(other.pid, camera="two")
            other.do("close", fd)
            await scene.until_held_by(camera="two")

    scene = stage.play(story)
    assert len(scene.of("one")) == 1
    assert len([each for each in scene.seen if isinstance(each, CamerasSeen)]) == 1


def test_a_look_without_watching(stage: Stage) -> None:
    actor = stage.actor()
    actor.do("open", stage.source.path())
    cameras, holders = stage.make(stage.source).look()
    assert isinstance(cameras, CamerasSeen)
    assert isinstance(holders, HoldersSeen)
    assert {pid_of(holder.process) for holder in holders.holders} == {actor.pid}


def test_a_thousand_opens_by_one_process(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        await asyncio.to_thread(actor.do, "look", scene.source.path(), 1000)
        actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)

    stage.play(story)


def test_many_processes_open_at_once(stage: Stage) -> None:
    actors = [stage.actor() for _ in range(12)]

    async def story(scene: Scene) -> None:
        path = scene.source.path()
        fds = await asyncio.gather(*(asyncio.to_thread(actor.do, "open", path) for actor in actors))
        await scene.until_held_by(*(actor.pid for actor in actors))
        for actor, fd in list(zip(actors, fds, strict=True))[::2]:
            actor.do("close", fd)
        await scene.until_held_by(*(actor.pid for actor in actors[1::2]))

    scene = stage.play(story)
    assert {pid_of(opener) for opener in scene.openers()} <= {actor.pid for actor in actors}
