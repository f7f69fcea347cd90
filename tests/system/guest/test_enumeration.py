"""Who only lists the cameras is no use of one: no alert, whatever tool does it, and nothing of it goes unseen."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.guest import VIVID, Desk, Watch, light, webcam

pytestmark = pytest.mark.system

USERS = pytest.mark.parametrize("user", ["root", "kid"])


def listed(desk: Desk, watch: Watch, user: str) -> None:
    """Wait until all that went before is told and over: a look of our own comes last, and is over last."""
    program = desk.program("hold", "--seconds", "0.5", app="last", user=user)
    watch.wait_event("probe", pid=program.pid)


def only_looked(watch: Watch, start: int) -> set[str]:
    """The executables that opened a camera since; fails where one of them is told to have used it."""
    events = watch.events[start:]
    told = {event["event"] for event in events}
    assert not {"capturing", "ended", "alert"} & told, [e for e in events if e["event"] in {"capturing", "alert"}]
    return {str(event["process"]["exe"]) for event in events if event["event"] == "probe"}


@USERS
def test_listing_devices_is_a_look(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user, on=(webcam(), VIVID))
    start = len(watch.lines)
    for _ in range(3):
        done = desk.account(user).run("v4l2-ctl", "--list-devices")
        assert str(webcam()) in done.stdout, done.stderr
    for node in (webcam(), VIVID):
        done = desk.account(user).run("v4l2-ctl", "--device", node, "--all")
        assert done.returncode == 0, done.stderr
    listed(desk, watch, user)
    looked = only_looked(watch, start)
    assert not light()
    if user == "root":  # who has it open for milliseconds only root can name
        assert "/usr/bin/v4l2-ctl" in looked


@USERS
@pytest.mark.parametrize("action", ["add", "change"])
def test_udevs_probing_is_a_look(desk: Desk, user: str, action: str) -> None:
    watch = desk.watch(user=user, on=(webcam(), VIVID))
    start = len(watch.lines)
    subprocess.run(
        ["udevadm", "trigger", "--subsystem-match=video4linux", f"--action={action}", "--settle"], check=True
    )
    listed(desk, watch, user)
    looked = only_looked(watch, start)
    assert not light()
    if user == "root":
        assert "/usr/lib/udev/v4l_id" in looked
