"""PipeWire itself: who is named for a camera that it holds, and what ends that use."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from camguard.core.model import Result, Step
from camguard.errors import BrokerError
from camguard.platform.linux import monitors
from camguard.platform.linux.monitors import Monitors
from camguard.platform.linux.pipewire.checkup import examine
from camguard.platform.linux.pipewire.cut import cut
from camguard.platform.linux.pipewire.graph import Client, Consumer, Link
from camguard.platform.linux.pipewire.monitor import Monitor
from camguard.platform.linux.pipewire.tools import Instance, snapshot
from camguard.ports import Finding, Level
from tests.support import pipewire
from tests.support.pipewire import PATIENCE_S, PipeWire, children, wait_for

_MISSING = pipewire.missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")


@pytest.fixture
def private() -> Iterator[PipeWire]:
    with tempfile.TemporaryDirectory() as folder, pipewire.pipewire(Path(folder) / "run") as private:
        yield private


class Followed:
    """A monitor that runs, and what it has told."""

    def __init__(self, instance: Instance) -> None:
        self.monitor = Monitor(instance, self._changed)
        self._stir = asyncio.Event()
        self.troubles: list[str] = []

    def _changed(self) -> None:
        if self.monitor.trouble is not None:
            self.troubles.append(self.monitor.trouble)
        self._stir.set()

    @property
    def pids(self) -> list[int | None] | None:
        if self.monitor.uses is None:
            return None
        consumers = [consumer for use in self.monitor.uses for consumer in use.consumers]
        return [None if consumer.client is None else consumer.client.pid for consumer in consumers]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._stir.clear()
                await self._stir.wait()

    async def until_used_by(self, *processes: subprocess.Popen[bytes]) -> None:
        wanted = [process.pid for process in processes]
        await self.until(lambda: self.pids == wanted)


def follow(instance: Instance, story: Callable[[Followed], Awaitable[None]]) -> Followed:
    async def play() -> Followed:
        followed = Followed(instance)
        task = asyncio.create_task(followed.monitor.run())
        try:
            await story(followed)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return followed

    return asyncio.run(play())


def consumers(private: PipeWire) -> dict[int | None, Consumer]:
    uses = snapshot(private.instance).uses()
    return {
        consumer.client.pid if consumer.client else None: consumer for use in uses for consumer in use.consumers
    }  # fmt: skip


def until_used_by(private: PipeWire, *processes: subprocess.Popen[bytes]) -> dict[int | None, Consumer]:
    """Wait until these alone use the camera; what was seen of them then."""
    found: dict[int | None, Consumer] = {}

    def used() -> bool:
        nonlocal found
        found = consumers(private)
        return found.keys() == {process.pid for process in processes}

    wait_for(used, "the use of the camera")
    return found


@pytest.mark.long
def test_the_clients_are_named_while_they_use_the_camera_and_no_longer(private: PipeWire) -> None:
    async def story(followed: Followed) -> None:
        await followed.until_used_by()
        private.source("eye", **{"api.v4l2.path": "/dev/video9"})
        first = private.viewer("eye")
        await followed.until_used_by(first)
        second = private.viewer("eye")
        await followed.until_used_by(first, second)
        first.kill()
        await followed.until_used_by(second)
        second.kill()
        await followed.until_used_by()

    followed = follow(private.instance, story)
    assert not followed.troubles


@pytest.mark.long
def test_what_a_client_says_of_itself_is_not_believed(private: PipeWire) -> None:
    source = private.source("eye", **{"api.v4l2.path": "/dev/video9"})
    lies = "{ application.name=firefox application.process.id=1 pipewire.sec.pid=1 client.id=1 object.serial=1 }"
    liar = private.viewer("eye", env={"PIPEWIRE_PROPS": lies})
    (consumer,) = until_used_by(private, liar).values()
    assert consumer.client is not None
    assert (consumer.client.pid, consumer.client.uid) == (liar.pid, os.geteuid())
    (use,) = snapshot(private.instance).uses()
    assert use.node.path == "/dev/video9"
    assert use.node.client is not None
    assert use.node.client.pid == source.pid


@pytest.mark.long
@pytest.mark.parametrize("role", [None, "Screen"])
def test_a_shared_screen_is_no_camera(private: PipeWire, role: str | None) -> None:
    private.source("screen", role=role)
    private.source("eye")
    private.viewer("screen")
    viewer = private.viewer("eye")
    wait_for(lambda: private.dump().count(b'"state": "active"') == 2, "both uses")
    until_used_by(private, viewer)


def test_a_use_is_cut_while_the_other_goes_on(private: PipeWire) -> None:
    private.source("eye")
    one, other = private.viewer("eye"), private.viewer("eye")
    before = until_used_by(private, one, other)
    steps: list[Step] = []
    outcome = cut(private.instance, before[one.pid], steps.append)
    assert outcome.result is Result.ENDED
    assert [step.pid for step in steps] == [one.pid]
    assert tuple(steps) == outcome.steps
    after = until_used_by(private, other)
    assert after[other.pid] == before[other.pid]
    assert cut(private.instance, before[one.pid], steps.append).result is Result.GONE


@pytest.mark.long
def test_an_id_that_belongs_to_another_is_not_cut(private: PipeWire) -> None:
    private.source("eye")
    viewer = private.viewer("eye")
    (consumer,) = until_used_by(private, viewer).values()
    (link,) = consumer.links
    assert consumer.client is not None
    stale = Consumer(consumer.client, (Link(link.id, link.serial - 1),))
    assert cut(private.instance, stale, lambda _: None).result is Result.GONE
    other = Client(consumer.client.id, consumer.client.serial, consumer.client.pid + 1 if consumer.client.pid else 1, 0)
    assert cut(private.instance, Consumer(other, (link,)), lambda _: None).result is Result.GONE
    assert cut(private.instance, Consumer(None, (link,)), lambda _: None).result is Result.REFUSED
    assert consumers(private) == {viewer.pid: consumer}


@pytest.mark.long
def test_a_daemon_that_is_gone_or_does_not_answer_is_told(private: PipeWire) -> None:
    private.source("eye")
    viewer = private.viewer("eye")
    (consumer,) = until_used_by(private, viewer).values()
    private.stop()
    with pytest.raises(BrokerError, match="does not tell its state"):
        snapshot(private.instance)
    outcome = cut(private.instance, consumer, lambda _: None)
    assert outcome.result is Result.FAILED
    assert outcome.why


@pytest.mark.long
def test_a_daemon_that_was_restarted_is_followed_again(private: PipeWire) -> None:
    async def story(followed: Followed) -> None:
        private.source("eye")
        await followed.until_used_by(private.viewer("eye"))
        await asyncio.to_thread(private.stop)
        await followed.until(lambda: followed.pids is None)
        await asyncio.to_thread(private.start)
        await asyncio.to_thread(private.source, "eye")
        await followed.until_used_by(private.viewer("eye"))

    followed = follow(private.instance, story)
    assert followed.troubles


@pytest.mark.long
def test_a_monitor_that_ends_is_started_again(private: PipeWire) -> None:
    async def story(followed: Followed) -> None:
        await asyncio.to_thread(private.source, "eye")
        viewer = private.viewer("eye")
        await followed.until_used_by(viewer)
        for _ in range(2):
            before = len(followed.troubles)
            os.kill(children("pw-dump")[0], signal.SIGTERM)
            await followed.until(lambda before=before: len(followed.troubles) > before)  # type: ignore[misc]
            await followed.until_used_by(viewer)

    follow(private.instance, story)
    assert not children("pw-dump")


@pytest.mark.long
def test_what_comes_faster_than_it_is_taken_only_waits(private: PipeWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camguard.platform.linux.pipewire.monitor.MOST_A_SECOND", 1)
    private.source("eye")
    viewer = private.viewer("eye")

    async def story(followed: Followed) -> None:
        await followed.until_used_by(viewer)
        viewer.kill()
        await followed.until_used_by()

    assert not follow(private.instance, story).troubles


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_joins_anothers_instance_as_that_user() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with pipewire.pipewire(Path(folder) / "run", uid=65534) as private:
            private.source("eye")
            viewer = private.viewer("eye")
            (consumer,) = until_used_by(private, viewer).values()
            assert consumer.client is not None
            assert consumer.client.uid == 65534
            assert b'"pipewire.sec.uid": 0' not in private.dump()
            assert cut(private.instance, consumer, lambda _: None).result is Result.ENDED


@pytest.mark.long
def test_a_program_that_is_not_installed_is_told_with_the_remedy(
    private: PipeWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camguard.platform.linux.asuser.PROGRAMS", "/nonexistent")
    with pytest.raises(BrokerError, match="pipewire-bin"):
        snapshot(private.instance)


@pytest.mark.long
def test_doctor_says_whether_pipewire_can_be_asked(private: PipeWire, monkeypatch: pytest.MonkeyPatch) -> None:
    def examined() -> Finding:
        return examine("/nonexistent", lambda uid: private.instance if uid == os.geteuid() else None)

    assert examine("/nonexistent", lambda _: None).sentence.startswith("No PipeWire runs")
    assert (examined().level, examined().remedy) == (Level.OK, None)
    with monkeypatch.context() as patch:
        patch.setattr("camguard.platform.linux.asuser.PROGRAMS", "/nonexistent")
        assert examined().level is Level.WARNING
        assert "pw-dump and pw-cli" in examined().sentence
        assert "pipewire-bin" in (examined().remedy or "")
    private.stop()
    found = examined()
    assert found.level is Level.WARNING
    assert "does not tell its state" in found.sentence
    assert "restart pipewire" in (found.remedy or "")


def test_a_daemon_that_never_answers_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "LINGER_S", 0.0)
    uid = os.geteuid()

    async def story() -> None:
        followed = Monitors(lambda _: Instance(uid, str(tmp_path)), lambda: None)
        running = asyncio.create_task(followed.run())
        followed.need(frozenset({uid}))
        assert followed.starts(uid) is not None
        assert followed.uses(uid) is None
        monkeypatch.setattr(monitors, "START_S", 0.2)
        await asyncio.to_thread(wait_for, lambda: followed.starts(uid) is None, "the end of waiting for an answer")
        followed.need(frozenset())
        await asyncio.to_thread(wait_for, lambda: not children("pw-dump"), "the monitor's end")
        followed.need(frozenset({uid}))
        assert followed.starts(uid) is None
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "pipewire-0"))
        silent.listen()
        asyncio.run(story())
