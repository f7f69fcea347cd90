"""Off is off for programs at work, a time ends by itself, and locked a camera is off unless somebody says so."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from camguard.core.events import Kind
from tests.support.guest import WEBCAM, WEBCAM_LINK, Desk, back, dark, light, settle, until
from tests.support.installed import CONFIGURATION, UNIT, FromWheel, camguard, newest, restart, subscriber, told

pytestmark = pytest.mark.system

LOCKED = '[camera]\ndefault = "off"\n'


@pytest.fixture
def on_again(service: FromWheel) -> Iterator[None]:
    yield
    assert camguard("on").returncode == 0
    back()


@pytest.fixture
def locked(service: FromWheel) -> Iterator[None]:
    """The service, in lock mode from the middle of its run on; afterwards the cameras are on by default again."""
    _configure(LOCKED)
    until("the webcam is off", lambda: not WEBCAM_LINK.exists())
    yield
    CONFIGURATION.unlink()
    _reload()
    back()


def _configure(text: str) -> None:
    CONFIGURATION.write_text(text)
    _reload()


def _reload() -> None:
    before = newest()
    subprocess.run(["systemctl", "reload", UNIT], check=True)
    told(Kind.CONFIG_READ, before)


def _power(user: str) -> str:
    """How the webcam stands, as the service tells a user."""
    cameras = json.loads(camguard("status", "--json", user=user).stdout)["cameras"]
    found: str = next(camera["power"] for camera in cameras if camera["name"] == WEBCAM)
    return found


def _plug(word: str) -> None:
    Path("/run/usbcam.ctl").write_text(f"{word}\n")


@pytest.mark.usefixtures("on_again")
def test_off_takes_the_camera_from_a_program_at_work(desk: Desk) -> None:
    watch = subscriber(desk, "root")
    program = desk.program("mmap", "--every", "1", user="kid")
    program.wait_word("frames")
    done = camguard("off", "--camera", WEBCAM)
    over = time.monotonic_ns()
    assert done.returncode == 0, done.stderr
    assert not WEBCAM_LINK.exists()
    assert program.wait() == 3, program.said()  # it was told that the camera is gone
    assert program.last_frame_at < over
    dark()
    ended = watch.wait_event("ended", pid=program.pid)
    assert ended["ending"] == "switched-off"
    assert watch.wait_event("camera.removed", camera=WEBCAM)["extra"]["why"] == "switched-off"


@pytest.mark.usefixtures("on_again")
def test_a_time_ends_by_itself_and_whoever_uses_the_camera_is_warned(desk: Desk) -> None:
    assert camguard("off", "--camera", WEBCAM).returncode == 0
    watch = subscriber(desk, "kid")
    done = camguard("on", "--for", "1h", "--camera", WEBCAM)
    assert done.returncode == 0, done.stderr
    back()
    program = desk.program("mmap", user="kid")
    program.wait_word("frames")
    watch.wait_event("capturing", pid=program.pid)
    done = camguard("on", "--for", "5s", "--camera", WEBCAM)  # in the place of the hour
    assert done.returncode == 0, done.stderr
    assert watch.wait_event("pass.ending")["extra"]["left_s"] <= 5
    assert watch.wait_event("pass.ended")["extra"]["in_use"] is True
    assert program.wait() == 3, program.said()
    until("the webcam is off", lambda: not WEBCAM_LINK.exists() and not light())
    assert _power("kid") == "off"


@pytest.mark.usefixtures("locked")
def test_locked_it_is_on_for_a_time_only() -> None:
    assert "off unless" in camguard("status").stdout
    before = newest()
    done = camguard("on", "--for", "2s", "--camera", WEBCAM)
    assert done.returncode == 0, done.stderr
    told(Kind.PASS_ENDED, before)
    until("the webcam is off again", lambda: not WEBCAM_LINK.exists())


@pytest.mark.usefixtures("locked")
def test_locked_a_camera_that_is_plugged_in_goes_off(desk: Desk) -> None:
    watch = subscriber(desk, "root")
    _plug("unplug")
    until("it is unplugged", lambda: not list(Path("/sys/bus/usb/devices").glob("*-[1-9]")))
    since, begun = len(watch.lines), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    _plug("plug")
    added = watch.wait_event("camera.added", since=since, camera=WEBCAM)
    done = watch.wait_event("action.completed", since=since, camera=WEBCAM)
    assert (done["extra"]["action"], done["outcome"]["result"]) == ("off", "off")
    assert not WEBCAM_LINK.exists()
    for what, at in (("plugged in", begun), ("its node was there", added["clock"]["boottime_ns"])):
        print(f"lock mode: off {(done['clock']['boottime_ns'] - at) / 1e6:.0f} ms after {what}")


@pytest.mark.usefixtures("locked")
def test_locked_a_rule_turns_it_on_in_its_hours_and_a_restart_changes_nothing(desk: Desk) -> None:
    restart()
    assert not WEBCAM_LINK.exists()
    now = datetime.now().astimezone()
    hours = f"{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    done = camguard("rules", "allow", "package:v4l-utils", "--turn-on", "--hours", hours)
    assert done.returncode == 0, done.stderr
    until("the webcam is on", WEBCAM_LINK.exists)
    restart()
    until("the webcam is on still", lambda: _power("root") == "on")
    assert WEBCAM_LINK.exists()
    settle()
    program = desk.account("kid").run(
        "v4l2-ctl", "--device", os.path.realpath(WEBCAM_LINK), "--stream-mmap", "--stream-count=3"
    )
    assert program.returncode == 0, program.stderr
    assert camguard("rules", "remove", done.stdout.split()[1].rstrip(":")).returncode == 0
    until("the webcam is off", lambda: not WEBCAM_LINK.exists())
