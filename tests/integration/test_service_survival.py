"""The service where the ground gives way: a full disk, a read-only one, files taken away or owned by others."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from camguard.core.events import Kind
from camguard.core.model import Effect
from camguard.core.power import Power
from camguard.errors import AccessDenied
from camguard.ipc import calls
from camguard.ipc.client import Client
from camguard.ipc.protocol import Event
from camguard.journal.chain import verify
from camguard.journal.queries import Reader
from tests.support.disks import fill_up, read_only, tiny_disk
from tests.support.service_stage import NOBODY, ServiceStage, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a client believes a service of root alone; run: sudo pytest")

NEW = calls.NewRule(effect=Effect.ALLOW, app="package:cheese")


@pytest.fixture
def grounds() -> Iterator[ExitStack]:
    """What a test stands on; taken down after the service."""
    with ExitStack() as grounds:
        yield grounds


@pytest.fixture
def stage(grounds: ExitStack) -> Iterator[ServiceStage]:
    """A service that was not started yet."""
    stage = ServiceStage(Path(grounds.enter_context(tempfile.TemporaryDirectory(prefix="camguard-"))))
    try:
        yield stage
    finally:
        stage.close()
        grounds.close()


def kinds(stage: ServiceStage) -> list[str]:
    with Reader(stage.journal) as log:
        return [entry.kind for entry in log.entries()]


def said(stage: ServiceStage) -> Power | None:
    """The word about every camera that outlasts the service."""
    path = stage.journal.with_name("cameras.json")
    words = msgspec.json.decode(path.read_bytes())["standing"]["words"] if path.exists() else {}
    return Power(words[""]["power"]) if words else None


def heard(client: Client, kind: Kind) -> Event:
    """The next event of a kind."""
    return next(each for each in client.events() if isinstance(each, Event) and each.event["event"] == kind)


def test_on_a_full_disk_it_guards_on_and_writes_down_what_was_when_there_is_room(
    stage: ServiceStage, grounds: ExitStack
) -> None:
    grounds.enter_context(tiny_disk(stage.journal.parent))
    stage.start()
    ballast = fill_up(stage.journal.parent)
    with stage.client() as listener, stage.client() as client:
        listener.call(calls.Subscribe())
        for _ in range(100):  # what room the log had taken before is used up too
            client.call(calls.Switch(Power.OFF))
            client.call(calls.Switch(Power.ON))
        client.call(calls.Switch(Power.OFF))
        assert not stage.node.exists()
        while heard(listener, Kind.POWER_SAID).event["seq"] is not None:
            pass  # told all the same, though not in the log yet
        assert said(stage) is not Power.OFF
        ballast.unlink()
        until("the log is written again", lambda: Kind.JOURNAL_INTERRUPTED in kinds(stage))
        until("what was said is kept", lambda: said(stage) is Power.OFF)
        assert kinds(stage).count(Kind.POWER_SAID) == 201
        assert verify(stage.journal).ok
    stage.kill()
    stage.start()
    assert [camera["power"] for camera in stage.objects("status")["cameras"]] == ["off"]


def test_on_a_disk_that_may_only_be_read_it_guards_and_starts(stage: ServiceStage, grounds: ExitStack) -> None:
    stage.start()
    with ExitStack() as protected:
        protected.enter_context(read_only(stage.journal.parent))
        with stage.client() as client:
            client.call(calls.Switch(Power.OFF))
        assert not stage.node.exists()
        assert said(stage) is None
        stage.kill()
        stage.start()
        with stage.client() as client:
            client.call(calls.Switch(Power.ON))
        assert stage.node.exists()
    until("the log is written again", lambda: Kind.JOURNAL_INTERRUPTED in kinds(stage))
    until("what was said is kept", lambda: said(stage) is Power.ON)
    assert kinds(stage).count(Kind.GUARD_GAP) == 1
    assert verify(stage.journal).ok
    assert stage.stop()[0] == 0


def test_a_log_that_is_taken_away_is_begun_anew_and_the_old_one_is_whole(stage: ServiceStage) -> None:
    stage.start()
    rotated = stage.folder / "rotated"
    rotated.mkdir()
    with stage.client() as client:
        client.call(calls.Switch(Power.OFF))
        for path in stage.journal.parent.glob("journal.db*"):
            if not path.name.endswith(".lock"):
                path.rename(rotated / path.name)
        client.call(calls.Switch(Power.ON))
        [first, *others] = [entry["event"] for entry in client.call(calls.Entries())["entries"]]
        assert first == Kind.JOURNAL_SET_ASIDE
        assert Kind.POWER_SAID in others
        assert verify(rotated / "journal.db").ok
        assert verify(stage.journal).ok


def test_a_rules_file_of_another_user_is_left_and_it_is_said_why(stage: ServiceStage) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("it takes setpriv: apt install util-linux")
    stage.prefix = ("setpriv", "--bounding-set=-chown")  # as the unit has it
    before = '[[rule]]\nid = "r1"\neffect = "ask"\n'
    stage.rules.write_text(before)
    stage.rules.chmod(0o640)
    os.chown(stage.rules, NOBODY, 0)
    stage.start()
    with stage.client() as client:
        with pytest.raises(AccessDenied, match=f"belongs to user {NOBODY} .* chown 0:0"):
            client.call(calls.AddRule(NEW))
        assert stage.rules.read_text() == before
        os.chown(stage.rules, 0, 0)
        client.call(calls.AddRule(NEW))
    assert "package:cheese" in stage.rules.read_text()
    assert stage.rules.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in stage.folder.glob(".rules*")} == {".rules.toml.lock"}
