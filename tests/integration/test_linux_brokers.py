"""A camera that PipeWire has open: the sensor tells who has it through PipeWire, and ending cuts them off."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from camguard.core.confidence import Confidence
from camguard.core.events import Blinded, HoldersSeen, SightRestored
from camguard.core.model import Holder, Process, Result
from camguard.platform.linux import procfs
from camguard.platform.linux.brokered import BrokeredControl
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.control import LinuxControl
from camguard.platform.linux.pipewire.tools import Instance
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.sensor import LinuxSensor
from tests.support import commands, pipewire
from tests.support.detection import PretendSource, Scene, Stage, folder_for_nodes
from tests.support.pipewire import PipeWire

_MISSING = pipewire.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
_VIEWER, _DAEMON = os.path.realpath("/usr/bin/gst-launch-1.0"), os.path.realpath("/usr/bin/pipewire")


@dataclass
class House:
    """A pretend camera that PipeWire has open, and the guard's edges."""

    stage: Stage
    private: PipeWire
    brokers: Brokers
    control: BrokeredControl

    @property
    def broker(self) -> int:
        assert self.private.daemon is not None
        return self.private.daemon.pid

    def look(self) -> HoldersSeen:
        """One look without watching."""
        sensor = self.stage.make(self.stage.source)
        (seen,) = [each for each in sensor.look() if isinstance(each, HoldersSeen)]
        return seen


@pytest.fixture
def reachable() -> list[bool]:
    """Whether the guard finds PipeWire; a test may empty it."""
    return [True]


@pytest.fixture
def privileged() -> bool | None:
    """How the sensor watches; None for as it is allowed here."""
    return None


@pytest.fixture
def house(tmp_path: Path, reachable: list[bool], privileged: bool | None) -> Iterator[House]:
    with folder_for_nodes(tmp_path) as folder, tempfile.TemporaryDirectory() as runtime:
        source = PretendSource(folder)
        node = source.add()
        held = os.open(node, os.O_RDWR)
        try:
            with pipewire.pipewire(Path(runtime) / "run", cameras={"eye": node}, pass_fds=(held,)) as private:
                os.close(held)
                held = -1
                brokers = Brokers(ProcessReader(), lambda _: _found(private, reachable))
                clock = LinuxClock()
                stage = Stage(
                    lambda source: LinuxSensor(source, clock, privileged=privileged, tracefs=None, brokers=brokers),
                    source,
                )
                yield House(stage, private, brokers, BrokeredControl(LinuxControl(), brokers))
        finally:
            for actor in stage.actors:
                actor.end()


def _found(private: PipeWire, reachable: list[bool]) -> Instance | None:
    return private.instance if reachable else None


def process_of(scene: Scene, viewer: subprocess.Popen[bytes]) -> Process:
    (found,) = [holder.process for holder in scene.holders() if holder.process.pid == viewer.pid]
    return found


@pytest.mark.long
@pytest.mark.parametrize("privileged", [None, False])
def test_the_clients_are_told_in_the_brokers_place(house: House) -> None:
    async def story(scene: Scene) -> None:
        assert scene.of()[0].first
        assert not scene.holders()  # PipeWire only keeps it open
        one = house.private.viewer("eye")
        await scene.until_held_by(one.pid)
        (holder,) = scene.holders()
        assert holder.mapped
        assert holder.process.exe == _VIEWER
        through = holder.process.through
        assert through is not None
        assert through.confidence is Confidence.BROKER
        assert through.broker == _DAEMON
        assert through.pid == house.broker
        other = house.private.viewer("eye")
        await scene.until_held_by(one.pid, other.pid)
        actor = house.stage.actor()
        actor.do("open", scene.source.path())
        await scene.until_held_by(one.pid, other.pid, actor.pid)
        one.kill()
        await scene.until_held_by(other.pid, actor.pid)
        other.kill()
        actor.leave()
        await scene.until_held_by()

    scene = house.stage.play(story)
    assert house.broker not in scene.users()
    moments = [each.at.boottime_ns for each in scene.seen]
    assert moments == sorted(moments)


def test_who_uses_it_when_the_watch_begins_was_there_before(house: House) -> None:
    viewer = house.private.viewer("eye")
    pipewire.wait_for(lambda: b'"state": "active"' in house.private.dump(), "the use")
    (holder,) = house.look().holders
    assert holder.process.pid == viewer.pid

    async def story(scene: Scene) -> None:
        await scene.until_held_by(viewer.pid)

    scene = house.stage.play(story)
    assert [each.first for each in scene.of()] == [True]


@pytest.mark.long
@pytest.mark.parametrize("reachable", [[]])
def test_a_broker_that_cannot_be_asked_is_told_itself(house: House) -> None:
    (holder,) = house.look().holders
    assert holder.process.pid == house.broker

    async def story(scene: Scene) -> None:
        await scene.until_held_by(house.broker)

    scene = house.stage.play(story)
    (blinded,) = [each for each in scene.seen if isinstance(each, Blinded)]
    assert "has no socket" in blinded.why


@pytest.mark.long
def test_a_broker_that_is_lost_for_long_is_told_itself_until_it_can_be_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        viewer = house.private.viewer("eye")
        await scene.until_held_by(viewer.pid)
        with monkeypatch.context() as patch:
            patch.setattr("camguard.platform.linux.asuser.PROGRAMS", "/nonexistent")
            (monitor,) = pipewire.children("pw-dump")
            os.kill(monitor, signal.SIGKILL)
            await scene.until_held_by(house.broker)
        await scene.until_held_by(viewer.pid)

    scene = house.stage.play(story)
    assert [type(each) for each in scene.seen if isinstance(each, Blinded | SightRestored)] == [Blinded, SightRestored]


@pytest.mark.long
def test_a_monitor_that_was_stopped_is_started_anew(house: House) -> None:
    async def story(scene: Scene) -> None:
        one = house.private.viewer("eye")
        await scene.until_held_by(one.pid)
        (monitor,) = pipewire.children("pw-dump")
        os.kill(monitor, signal.SIGSTOP)
        await asyncio.to_thread(pipewire.wait_for, lambda: procfs.stat("/proc", monitor).state == "T", "the stop")
        other = house.private.viewer("eye")
        house.stage.actor().do("look", scene.source.path(), 1)
        await scene.until_held_by(one.pid, other.pid)

    scene = house.stage.play(story)
    assert house.broker not in scene.users()


@pytest.mark.long
def test_nothing_runs_while_no_broker_has_a_camera(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camguard.platform.linux.monitors.LINGER_S", 0.0)

    async def story(scene: Scene) -> None:
        viewer = house.private.viewer("eye")
        await scene.until_held_by(viewer.pid)
        assert len(pipewire.children("pw-dump")) == 1
        await asyncio.to_thread(house.private.stop)
        await scene.until_held_by()
        await asyncio.to_thread(pipewire.wait_for, lambda: not pipewire.children("pw-dump"), "the monitor's end")

    house.stage.play(story)
    assert not pipewire.children("pw-dump")


@pytest.mark.long
def test_a_camera_that_a_client_made_up_is_not_believed(house: House) -> None:
    house.private.source("trap", **{"api.v4l2.path": str(house.stage.source.path())})
    house.private.viewer("trap")
    pipewire.wait_for(lambda: b'"state": "active"' in house.private.dump(), "the use")

    async def story(scene: Scene) -> None:
        viewer = house.private.viewer("eye")
        await scene.until_held_by(viewer.pid)

    scene = house.stage.play(story)
    assert len(scene.users()) == 1


@pytest.mark.long
def test_ending_cuts_one_off_and_ends_it_when_it_comes_back(house: House) -> None:
    async def story(scene: Scene) -> None:
        one, other = house.private.viewer("eye"), house.private.viewer("eye")
        await scene.until_held_by(one.pid, other.pid)
        process = process_of(scene, one)
        assert house.control.objection(process) is None
        outcome = await asyncio.to_thread(house.control.end, process, lambda _: None)
        assert outcome.result is Result.ENDED
        assert [step.pid for step in outcome.steps] == [one.pid]
        await scene.until_held_by(other.pid)
        assert one.poll() is None
        again = await asyncio.to_thread(house.control.end, process, lambda _: None)
        assert again.result is Result.GONE
        assert one.poll() is None
        house.private.link("eye", one)
        await scene.until_held_by(one.pid, other.pid)
        last = await asyncio.to_thread(house.control.end, process, lambda _: None)
        assert last.result is Result.ENDED
        assert one.wait(pipewire.PATIENCE_S) is not None
        await scene.until_held_by(other.pid)
        assert other.poll() is None

    house.stage.play(story)


@pytest.mark.long
def test_what_is_no_use_through_a_broker_is_ended_as_ever(house: House) -> None:
    process = ProcessReader().process(house.broker)
    assert house.control.objection(process) is not None
    assert house.control.end(process, lambda _: None).result is Result.REFUSED
    actor = house.stage.actor()
    assert house.control.end(ProcessReader().process(actor.pid), lambda _: None).result is Result.ENDED


@pytest.mark.long
def test_only_that_users_own_processes_are_believed(house: House) -> None:
    broker = ProcessReader().process(house.broker)
    viewer = house.private.viewer("eye")
    pipewire.wait_for(lambda: b'"state": "active"' in house.private.dump(), "the use")
    (holder,) = house.look().holders
    assert holder.process.pid == viewer.pid
    (camera,) = house.stage.source.cameras()
    of_other = replace(broker, uid=4242)
    seen = HoldersSeen(camera.id, frozenset({Holder(of_other)}), LinuxClock().now())
    (unknown,) = house.brokers.replaced(seen, camera).holders
    assert unknown.process.identity is None
    assert unknown.process.through is not None
    assert unknown.process.through.confidence is Confidence.UNKNOWN


@pytest.mark.long
def test_the_guard_names_the_client_and_cuts_it_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = commands.Stage(tmp_path)
    held = os.open(stage.node, os.O_RDWR)
    with (
        tempfile.TemporaryDirectory() as runtime,
        pipewire.pipewire(Path(runtime) / "run", cameras={"eye": stage.node}, pass_fds=(held,)) as private,
    ):
        os.close(held)
        monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(private.folder))
        monkeypatch.setitem(commands.ENVIRONMENT, "PIPEWIRE_RUNTIME_DIR", str(private.folder))
        with stage.running("watch", "--json") as watch:
            watch.object_with(event="camera.added")
            viewer = private.viewer("eye")
            alert = watch.named("alert")
            assert alert["process"]["pid"] == viewer.pid
            assert alert["app"]["name"] == os.path.basename(_VIEWER)
            assert alert["app"]["confidence"] == "broker"
            assert alert["process"]["through"]["broker"] == _DAEMON
            assert alert["capture"] == "mapping"
            ended = stage.run("end", str(alert["activation"]), "--yes", "--json")
            assert ended.exit_code == 0, ended.stderr
            watch.object_with(event="ended", activation=alert["activation"])
            assert viewer.poll() is None
            watch.stop()
        [result] = json.loads(ended.stdout)["results"]
        assert result["outcome"]["result"] == "ended"
        assert [step["what"] for step in result["outcome"]["steps"]] == ["cut its connection to the camera (PipeWire)"]
        told = [json.loads(line) for line in stage.run("log", "--json").stdout.splitlines()]
        assert [each["activation"] for each in told if "through" in each["process"]] == [alert["activation"]]
        assert _DAEMON not in {each["process"]["exe"] for each in told}
