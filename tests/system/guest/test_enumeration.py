"""Who only lists the cameras is no use of one: no alert, whatever tool does it, and nothing of it goes unseen."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.guest import VIVID, Desk, Event, Watch, light, webcam

pytestmark = pytest.mark.system

USERS = pytest.mark.parametrize("user", ["root", "kid"])


def listed(desk: Desk, watch: Watch, user: str, start: int) -> list[Event]:
    """What was told since, once all that went before is told and over: a look of our own is over last."""
    last = desk.glance(watch, "last", user)
    return [event for event in watch.events[start:] if event.get("activation") != last["activation"]]


def only_looked(events: list[Event]) -> set[str]:
    """The executables that opened a camera; fails where one of them is told to have used it."""
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
    looked = only_looked(listed(desk, watch, user, start))
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
    looked = only_looked(listed(desk, watch, user, start))
    assert not light()
    if user == "root":
        assert "/usr/lib/udev/v4l_id" in looked
