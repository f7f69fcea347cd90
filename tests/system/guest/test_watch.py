"""The guard over a real camera: every way to use it is seen, named and followed to its end."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from camguard.core.activations import Timing
from camguard.core.model import NANOSECONDS
from tests.support.guest import VIVID, WEBCAM, Desk, Event, Watch, light, tell_webcam, until, webcam

pytestmark = pytest.mark.system

USERS = pytest.mark.parametrize("user", ["root", "kid"])
LIFE = ["opened", "capturing", "ended"]


def life(watch: Watch, activation: str) -> list[str]:
    """The states that an activation went through, as its events name them."""
    return [name for name in watch.of(activation) if name in {*LIFE, "present", "probe"}]


def complete(event: Event) -> None:
    """What the documented line of an activation must have."""
    assert event["schema"] == 1
    assert {"at", "activation", "camera", "state", "verdict", "reasons", "app", "process"} <= event.keys()
    assert {"pid", "exe", "user", "start"} <= event["process"].keys()


@pytest.mark.parametrize(
    ("user", "mode", "node", "proofs"),
    [
        ("root", "mmap", None, {"mapping", "frames"}),
        ("root", "userptr", None, {"frames"}),
        ("root", "read", VIVID, {"frames"}),
        ("kid", "mmap", None, {"mapping"}),
        ("kid", "userptr", None, {"dwell"}),
        ("kid", "read", VIVID, {"dwell"}),
    ],
    ids=["root-mmap", "root-userptr", "root-read", "kid-mmap", "kid-userptr", "kid-read"],
)
def test_a_capture_is_seen_from_open_to_close(
    desk: Desk, user: str, mode: str, node: Path | None, proofs: set[str]
) -> None:
    watch = desk.watch(user=user, on=(node or webcam(),))
    program = desk.program(mode, *([node] if node else []), user=user)
    watch.wait_event("opened", pid=program.pid)
    capturing = watch.wait_event("capturing", pid=program.pid)
    # Where the first picture takes longer than a look may, it counts as a use before there is a proof.
    assert capturing["capture"] in proofs or _took_ns(capturing) >= Timing().dwell_ns
    assert capturing["camera"]["nodes"] == [str(node or webcam())]
    program.wait_word("frames")
    watch.wait_event("judged", pid=program.pid, user=user)
    watch.wait_event("alert", pid=program.pid)
    program.process.terminate()
    ended = watch.wait_event("ended", pid=program.pid)
    complete(ended)
    assert ended["state"] == "ended"
    assert ended["capture"] in proofs
    assert ended["verdict"] == "unexpected"
    assert ended["process"]["user"] == user
    assert ended["process"]["script"] == str(desk.app("app"))
    assert life(watch, ended["activation"]) == LIFE


@pytest.mark.parametrize(("mode", "node"), [("mmap", None), ("userptr", None), ("read", VIVID)])
def test_root_counts_the_frames_that_were_delivered(desk: Desk, mode: str, node: Path | None) -> None:
    watch = desk.watch(on=(node or webcam(),))
    program = desk.program(mode, *([node] if node else []), "--frames", "20")
    assert program.wait() == 0, program.said()
    assert watch.wait_event("ended", pid=program.pid)["frames"] == 20


@USERS
def test_a_look_is_a_probe_and_alerts_nobody(desk: Desk, user: str) -> None:
    # An unprivileged guard can name only an opener that stays for a moment.
    watch = desk.watch(user=user)
    if user == "root":
        program = desk.program("look", user=user, app="looker")
        assert program.wait() == 0, program.said()
        pid: object = program.pid
    else:
        pid = desk.glance(watch, "looker", user)["process"]["pid"]
    probe = watch.wait_event("probe", pid=pid)
    complete(probe)
    assert watch.of(probe["activation"])[0] == "opened"
    assert not {"capturing", "alert", "ended"} & set(watch.of(probe["activation"]))


@USERS
def test_a_camera_held_open_becomes_use_after_the_dwell(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("hold", user=user)
    capturing = watch.wait_event("capturing", pid=program.pid)
    assert capturing["capture"] == "dwell"
    assert not light()


@USERS
def test_two_holders_are_two_activations(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    first = desk.program("mmap", app="first", user=user)
    watch.wait_event("capturing", pid=first.pid)
    second = desk.program("hold", app="second", user=user)
    watch.wait_event("capturing", pid=second.pid)
    first.process.kill()
    one = watch.wait_event("ended", pid=first.pid)
    until("the light goes out", lambda: not light())
    assert all(event["event"] != "ended" for event in watch.events if _pid(event) == second.pid)
    second.process.kill()
    other = watch.wait_event("ended", pid=second.pid)
    assert one["activation"] != other["activation"]


@USERS
def test_unplugging_ends_the_use_and_a_replugged_camera_is_watched(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    first = desk.program("mmap", app="first", user=user)
    watch.wait_event("capturing", pid=first.pid)
    start = len(watch.lines)
    tell_webcam("unplug")
    assert watch.wait_event("ended", pid=first.pid)["ending"] == "unplugged"
    removed = watch.wait_event("camera.removed", since=start, camera=WEBCAM)
    start = len(watch.lines)
    tell_webcam("plug")
    added = watch.wait_event("camera.added", since=start, camera=WEBCAM)
    assert added["camera"]["id"] == removed["camera"]["id"]
    second = desk.program("mmap", app="second", user=user)
    watch.wait_event("capturing", since=start, pid=second.pid)


@USERS
def test_a_forked_child_goes_on_with_its_parents_use(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("fork", user=user)
    capturing = watch.wait_event("capturing", script=str(desk.app("app")))
    child = program.wait_word("forked")
    assert program.process.wait(60) == 0
    program.wait_word("frames")
    assert light()
    assert "ended" not in watch.of(capturing["activation"])
    os.kill(child, 9)
    ended = watch.wait_event("ended", activation=capturing["activation"])
    assert life(watch, ended["activation"]) == LIFE


@USERS
def test_a_descriptor_passed_on_is_the_receivers_use(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("pass", "--to", desk.app("receiver"), app="sender", user=user)
    receiver = program.wait_word("passed")
    capturing = watch.wait_event("capturing", script=str(desk.app("receiver")))
    assert capturing["process"]["pid"] == receiver
    program.wait_word("frames")
    os.kill(receiver, 9)
    watch.wait_event("ended", activation=capturing["activation"])


@USERS
def test_a_mapping_without_a_descriptor_is_use_still(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("close-keep-map", user=user)
    capturing = watch.wait_event("capturing", pid=program.pid)
    program.wait_word("frames")
    assert light()
    # Whatever the close made the guard look at: the other program's whole life lies between.
    other = desk.program("hold", app="other", user=user)
    watch.wait_event("capturing", pid=other.pid)
    other.process.kill()
    watch.wait_event("ended", pid=other.pid)
    assert "ended" not in watch.of(capturing["activation"])
    program.process.kill()
    watch.wait_event("ended", activation=capturing["activation"])


def test_a_copy_of_the_node_does_not_go_unseen(desk: Desk) -> None:
    copy = desk.folder / "innocent"
    os.mknod(copy, 0o20600, os.stat(webcam()).st_rdev)
    watch = desk.watch()
    program = desk.program("mmap", copy)
    capturing = watch.wait_event("capturing", pid=program.pid)
    assert capturing["camera"]["name"] == WEBCAM
    program.process.kill()
    watch.wait_event("ended", pid=program.pid)


@USERS
def test_who_captures_already_is_present_when_the_guard_starts(desk: Desk, user: str) -> None:
    program = desk.program("mmap", user=user)
    program.wait_word("frames")
    watch = desk.watch(user=user, on=())
    present = watch.wait_event("present", pid=program.pid)
    watch.wait_event("capturing", pid=program.pid)
    program.process.kill()
    ended = watch.wait_event("ended", pid=program.pid)
    assert ended["present"] is True
    assert life(watch, present["activation"]) == ["present", "capturing", "ended"]


@USERS
def test_one_webcam_is_one_camera(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    cameras = [event["camera"] for event in watch.events if event["event"] == "camera.added"]
    (camera,) = [camera for camera in cameras if camera["name"] == WEBCAM]
    assert camera["nodes"] == [str(webcam())]
    assert (camera["usb_id"], camera["serial"]) == ("1d6b:0104", "TEST0001")
    assert len(cameras) == 2  # and vivid


def test_a_user_is_told_of_a_use_by_somebody_else(desk: Desk) -> None:
    watch = desk.watch(user="kid")
    start = len(watch.lines)
    program = desk.program("hold")
    opened = watch.wait_event("opened", since=start, known=False)
    alert = watch.wait_event("alert", activation=opened["activation"])
    assert alert["verdict"] == "unexpected"
    assert program.process.poll() is None


def _took_ns(event: Event) -> int:
    """How long it took from the open until a use was told as a capture."""
    opened, capturing = (datetime.fromisoformat(event[key]) for key in ("opened_at", "capturing_at"))
    return round((capturing - opened).total_seconds() * NANOSECONDS)


def _pid(event: Event) -> int | None:
    pid: int | None = (event.get("process") or {}).get("pid")
    return pid
