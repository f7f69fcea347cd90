"""Virtual cameras (v4l2loopback): who gives one its pictures is told from who takes them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.guest import Desk, Watch, settle, webcam

pytestmark = pytest.mark.system

USERS = pytest.mark.parametrize("user", ["root", "kid"])
NAME = "Pretend Studio"
NODE = Path("/dev/video9")
NOT_A_USE = {"capturing", "alert", "ended", "probe"}


@pytest.fixture
def virtual() -> Iterator[Path]:
    """A virtual camera, made as people make one for OBS."""
    options = ("devices=1", f"video_nr={NODE.name.removeprefix('video')}", "exclusive_caps=1", f'card_label="{NAME}"')
    subprocess.run(["modprobe", "v4l2loopback", *options], check=True)
    settle()
    yield NODE
    subprocess.run(["modprobe", "-r", "v4l2loopback"], check=True)


@pytest.fixture
def there(virtual: Path, desk: Desk) -> Desk:
    """The table, cleared before the virtual camera is taken away."""
    return desk


def fed(watch: Watch, pid: int) -> str:
    """Wait until a process is known to feed the virtual camera; the name of its activation."""
    feeding = watch.wait_event("feeding", pid=pid)
    assert feeding["camera"]["name"] == NAME
    assert feeding["camera"]["kind"] == "virtual"
    name = feeding["activation"]
    assert isinstance(name, str)
    return name


@USERS
@pytest.mark.parametrize("mode", ["feed-write", "feed-write-only", "feed-mmap"])
def test_who_feeds_a_virtual_camera_does_not_use_it(there: Desk, user: str, mode: str) -> None:
    watch = there.watch(user=user, on=(NODE,))
    studio = there.program(mode, NODE, "--frames", "60", "--seconds", "30", app="studio", user=user)
    name = fed(watch, studio.pid)
    judged = watch.wait_event("judged", activation=name, verdict="expected")
    assert [reason["code"] for reason in judged["reasons"]] == ["feeds-virtual-camera"]
    assert studio.wait() == 0, studio.said()
    assert watch.wait_event("fed", activation=name)["held_ms"] > 2_500  # for longer than counts as use elsewhere
    assert not NOT_A_USE & set(watch.of(name)), watch.of(name)


@USERS
@pytest.mark.parametrize("mode", ["mmap", "read"])
def test_who_takes_its_pictures_does(there: Desk, user: str, mode: str) -> None:
    watch = there.watch(user=user, on=(NODE,))
    studio = there.program("feed-write", NODE, app="studio", user=user)
    name = fed(watch, studio.pid)
    studio.wait_word("frames")
    call = there.program(mode, NODE, app="call", user=user)
    capturing = watch.wait_event("capturing", pid=call.pid)
    assert capturing["activation"] != name
    watch.wait_event("alert", pid=call.pid)
    call.process.kill()
    watch.wait_event("ended", activation=capturing["activation"])
    assert not NOT_A_USE & set(watch.of(name)), watch.of(name)


@USERS
def test_a_real_camera_passed_on_to_a_call_shows_as_both_once_each(there: Desk, user: str) -> None:
    watch = there.watch(user=user, on=(webcam(), NODE))
    start = len(watch.lines)
    studio = there.program("pass-on", "--to", NODE, app="studio", user=user)
    on_real = watch.wait_event("capturing", since=start, pid=studio.pid)
    assert on_real["camera"]["nodes"] == [str(webcam())]
    on_virtual = fed(watch, studio.pid)
    studio.wait_word("frames")
    call = there.program("mmap", NODE, app="call", user=user)
    seen = watch.wait_event("capturing", since=start, pid=call.pid)
    assert seen["camera"]["name"] == NAME
    watch.wait_event("alert", pid=studio.pid)
    watch.wait_event("alert", pid=call.pid)
    watch.wait_event("judged", activation=on_virtual, user=user)  # only from then on it is told by its name
    now = there.camguard("status", user=user).stdout
    assert [line.split()[-1] for line in now.splitlines() if line.startswith(NAME) and "studio" in line] == ["it"]
    call.process.kill()
    watch.wait_event("ended", activation=seen["activation"])
    studio.process.kill()
    watch.wait_event("ended", activation=on_real["activation"])
    watch.wait_event("fed", activation=on_virtual)
    begun = {event["activation"] for event in watch.events[start:] if event["event"] == "opened"}
    assert begun == {on_real["activation"], on_virtual, seen["activation"]}
    alerts = [event["activation"] for event in watch.events if event["event"] == "alert"]
    assert sorted(alerts) == sorted([on_real["activation"], seen["activation"]])
    logged = [json.loads(line) for line in there.camguard("log", "--json", user=user).stdout.splitlines()]
    told = {record["activation"]: (record["camera"]["name"], record["state"], record["verdict"]) for record in logged}
    assert told[on_virtual] == (NAME, "fed", "expected")
    assert told[seen["activation"]] == (NAME, "ended", "unexpected")


def test_who_fed_a_camera_and_then_takes_pictures_is_a_viewer(there: Desk) -> None:
    """Root sees each buffer: to have fed it once is no way to look unseen."""
    watch = there.watch(on=(NODE,))
    both = there.program("feed-then-view", NODE, app="both")
    name = fed(watch, both.pid)
    both.wait_word("waiting")
    studio = there.program("feed-write", NODE, app="studio")
    capturing = watch.wait_event("capturing", activation=name)
    assert capturing["capture"] == "frames"
    watch.wait_event("alert", activation=name)
    studio.process.kill()


@USERS
def test_who_waits_for_a_camera_that_nobody_feeds_takes_no_pictures_until_somebody_does(there: Desk, user: str) -> None:
    watch = there.watch(user=user, on=(NODE,))
    call = there.program("hold", NODE, app="call", user=user)
    opened = watch.wait_event("opened", pid=call.pid)
    # Longer than the dwell: another program, which holds the webcam, comes to count as a use meanwhile, and ends.
    other = there.program("hold", app="other", user=user)
    watch.wait_event("capturing", pid=other.pid)
    other.process.kill()
    watch.wait_event("ended", pid=other.pid)
    assert "capturing" not in watch.of(opened["activation"])
    there.program("feed-write", NODE, app="studio", user=user)
    assert watch.wait_event("capturing", activation=opened["activation"])["capture"] == "dwell"
