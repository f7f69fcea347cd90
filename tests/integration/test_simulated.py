"""The simulated backend: files for cameras, real processes that hold them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from camguard.core.events import CamerasSeen, HoldersSeen
from camguard.core.model import AppKind, CameraKind, Process, ProcessIdentity, Result, Step
from camguard.errors import ConfigError, NothingMatched, SensorError
from camguard.platform.simulated.cameras import SimulatedCameras, make_camera
from camguard.platform.simulated.platform import SimulatedPlatform
from camguard.platform.simulated.processes import PortableClock, SimulatedControl, SimulatedIdentifier, quick_facts
from camguard.platform.simulated.sensor import SimulatedSensor
from camguard.ports import Sensor
from camguard.toml_source import TomlSource
from tests.support.actors import python, running
from tests.support.detection import PretendSource, Scene, Stage


def test_every_camera_file_is_a_camera(tmp_path: Path) -> None:
    node = make_camera(tmp_path, "Front: cam/1", kind=CameraKind.INFRARED, usb_id="046d:0825", serial="S1")
    (tmp_path / "bare.camera").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.camera").mkdir()
    (tmp_path / "link.camera").symlink_to(node)
    front, bare = SimulatedCameras(tmp_path).cameras()
    found = node.stat()
    assert (front.name, front.kind, front.usb_id, front.serial) == (
        "Front: cam/1",
        CameraKind.INFRARED,
        "046d:0825",
        "S1",
    )
    assert [(way.path, way.number, way.pretend) for way in front.nodes] == [
        (str(node), (found.st_dev, found.st_ino), True)
    ]
    assert (bare.id, bare.name, bare.kind) == ("simulated:bare", "bare", CameraKind.WEBCAM)
    assert found.st_size % 4096 == 0
    assert found.st_size >= 4096


def test_a_replugged_camera_keeps_its_id_though_not_its_node(tmp_path: Path) -> None:
    source = SimulatedCameras(tmp_path)
    node = make_camera(tmp_path, "Cam")
    (before,) = source.cameras()
    node.rename(tmp_path / "kept")  # so that its inode is not given to the next file
    assert source.cameras() == ()
    make_camera(tmp_path, "Cam")
    (after,) = source.cameras()
    assert after.id == before.id
    assert after.nodes != before.nodes


def test_a_node_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is an open of the node, which whoever watches it would be told of."""
    reads: list[Path] = []
    read = TomlSource.read

    def counted(path: Path) -> TomlSource:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(TomlSource, "read", counted)
    source = SimulatedCameras(tmp_path)
    node = make_camera(tmp_path, "Cam")
    source.cameras()
    source.cameras()
    assert reads == [node]
    node.write_text('name = "Other"')
    assert source.cameras()[0].name == "Other"
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b'name = "a"\nkind = "webcm"\n', 2, "webcam"),
        (b'name = "a"\n\nusbid = "1"\n', 3, "usb_id"),
        (b"name = \n", 1, "TOML"),
        (b"name = 5\n", 1, "name"),
        (b"\n\xff\n", 2, "UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: bytes, line: int, word: str) -> None:
    (tmp_path / "bad.camera").write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        SimulatedCameras(tmp_path).cameras()
    assert f"{tmp_path}/bad.camera:{line}:" in str(raised.value)
    assert word in str(raised.value)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    source = SimulatedCameras(tmp_path / "missing")
    with pytest.raises(ConfigError, match="no folder of pretend cameras"):
        source.cameras()

    async def follow() -> None:
        source.follow(lambda: None)

    with pytest.raises(SensorError, match="cannot be watched"):
        asyncio.run(follow())


def test_plugging_and_unplugging_are_followed(tmp_path: Path) -> None:
    async def story() -> None:
        told = asyncio.Event()
        source = SimulatedCameras(tmp_path)
        stop = source.follow(told.set)
        node = make_camera(tmp_path, "Cam")
        await asyncio.wait_for(told.wait(), 20)
        assert len(source.cameras()) == 1
        told.clear()
        node.unlink()
        await asyncio.wait_for(told.wait(), 20)
        assert source.cameras() == ()
        stop()

    asyncio.run(story())


def make(source: PretendSource) -> Sensor:
    return SimulatedSensor(source, PortableClock())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    source = PretendSource(tmp_path)
    source.add()
    stage = Stage(make, source)
    yield stage
    for actor in stage.actors:
        actor.end()


def test_open_map_and_fork_are_seen(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        assert isinstance(scene.seen[0], CamerasSeen)
        assert scene.of()[0].first
        fd = actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)
        actor.do("mmap", fd)
        await scene.until(lambda: any(holder.mapped for holder in scene.holders()))
        child = actor.do("fork")
        await scene.until_held_by(actor.pid, child)
        actor.leave()
        await scene.until_held_by(child)

    scene = stage.play(story)
    assert actor.pid in {opener.identity.pid for opener in scene.openers() if opener.identity}
    assert not any(seen.first for seen in scene.of()[1:])


def test_a_close_is_seen(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        fd = actor.do("open", scene.source.path())
        await scene.until_held_by(actor.pid)
        actor.do("close", fd)
        await scene.until_held_by()

    stage.play(story)


def test_a_mapping_outlives_its_descriptor(stage: Stage) -> None:
    actor = stage.actor()
    fd = actor.do("open", stage.source.path())
    actor.do("mmap", fd)
    actor.do("close", fd)

    async def story(scene: Scene) -> None:
        (holder,) = scene.of()[0].holders
        assert holder.mapped
        actor.do("unmap", fd)
        await scene.until_held_by()

    stage.play(story)


def test_a_camera_that_comes_and_goes_while_watching(stage: Stage) -> None:
    actor = stage.actor()

    async def story(scene: Scene) -> None:
        scene.source.add("two")
        await scene.until(lambda: bool(scene.of("two")))
        actor.do("open", scene.source.path("two"))
        await scene.until_held_by(actor.pid, camera="two")
        scene.source.remove("two")
        await scene.until(lambda: isinstance(scene.seen[-1], CamerasSeen) and len(scene.seen[-1].cameras) == 1)

    scene = stage.play(story)
    assert not scene.of("two")[0].first


def test_one_look_without_watching(stage: Stage) -> None:
    actor = stage.actor()
    actor.do("open", stage.source.path())
    cameras, holders = make(stage.source).look()
    assert isinstance(cameras, CamerasSeen)
    assert isinstance(holders, HoldersSeen)
    assert holders.first
    assert [holder.process.identity and holder.process.identity.pid for holder in holders.holders] == [actor.pid]


def facts(pid: int) -> Process:
    return quick_facts(psutil.Process(pid), "boot")


def test_identity_of_script_inline_code_and_executable(tmp_path: Path) -> None:
    script = tmp_path / "viewer.py"
    script.write_text("import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    identifier = SimulatedIdentifier()
    with running([sys.executable, str(script), "--token=hunter2"]) as child:
        app, details = identifier.identify(facts(child.pid))
    assert (app.identity.kind, app.identity.id, app.name) == (AppKind.SCRIPT, str(script), "viewer.py")
    assert details.command[-1] == "--token=[redacted]"
    assert details.parents[0].pid == os.getpid()
    assert app == identifier.identify_file(str(script))
    with python("") as child:
        process = facts(child.pid)
        assert not identifier.identify(process)[0].known
    assert not identifier.identify(process)[0].known
    with running(["/usr/bin/tail", "-f", "/etc/passwd"]) as child:
        app, _ = identifier.identify(facts(child.pid))
    assert (app.identity.kind, app.name) == (AppKind.EXECUTABLE, "tail")
    with pytest.raises(NothingMatched):
        identifier.identify_file(str(tmp_path))


def test_ending_asks_and_then_kills() -> None:
    told: list[Step] = []
    with python("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)") as child:
        outcome = SimulatedControl(patience_s=0.1).end(facts(child.pid), told.append)
    assert outcome.result is Result.ENDED
    assert [step.what for step in told] == ["checked that it is still the same process", "asked it to end", "killed it"]


def test_ending_leaves_others_alone() -> None:
    control = SimulatedControl()
    with python("") as child:
        process = facts(child.pid)
        assert process.identity is not None
        other = replace(process, identity=replace(process.identity, start_ticks=1))
        assert control.end(other, lambda _: None).result is Result.GONE
        assert child.poll() is None
    for pid in (1, os.getpid(), os.getppid()):
        refused = control.end(Process(ProcessIdentity(pid, 0, "boot")), lambda _: None)
        assert refused.result is Result.REFUSED
    assert control.end(Process(None), lambda _: None).result is Result.REFUSED


def test_the_whole_platform_over_a_folder(tmp_path: Path) -> None:
    make_camera(tmp_path, "Cam")
    platform = SimulatedPlatform(SimulatedCameras(tmp_path))
    assert any("Cam" in finding.sentence for finding in platform.examine())
    seen = platform.sensor.look()[0]
    assert isinstance(seen, CamerasSeen)
    assert seen.cameras[0].name == "Cam"
    assert seen.at.boot_id == platform.clock.now().boot_id
    (tmp_path / "bad.camera").write_text("?")
    assert "bad.camera:1:" in platform.examine()[0].sentence
