"""The webcam behind PipeWire and WirePlumber: the service names who has it from there, and blames neither of them."""

from __future__ import annotations

import grp
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pipewire
from tests.support.guest import WEBCAM, dark, light, until, webcam
from tests.support.installed import FromWheel, camguard, entries, logged, restart
from tests.support.pipewire import PipeWire

pytestmark = pytest.mark.system

KID = 1000
VIEWER = os.path.realpath("/usr/bin/gst-launch-1.0")
DAEMON = os.path.realpath("/usr/bin/pipewire")
BROKERS = {DAEMON, os.path.realpath("/usr/bin/wireplumber")}


@pytest.fixture
def session() -> Iterator[PipeWire]:
    """PipeWire of the user kid, as a login has it; the session manager has found the webcam."""
    folder = Path(f"/run/user/{KID}")
    try:
        with pipewire.pipewire(folder, KID, groups=[grp.getgrnam("video").gr_gid]) as private:
            private.camera_of(webcam())
            yield private
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def watch_through(session: PipeWire) -> subprocess.Popen[bytes]:
    """Start a program of kid's that has the webcam from PipeWire; anew where it gave up waiting on a busy machine."""
    words = ["pipewiresrc", f"target-object={session.camera_of(webcam())}", "!", "video/x-raw,format=YUY2"]
    viewers: list[subprocess.Popen[bytes]] = []

    def seen() -> bool:
        if not viewers or viewers[-1].poll() is not None:
            viewers.append(session.run("gst-launch-1.0", "-q", *words, "!", "fakesink"))
        return b'"state": "active"' in session.dump()

    until("an active link to the webcam", seen)
    return viewers[-1]


def units() -> list[str]:
    """The units in which programs ask PipeWire."""
    told = subprocess.run(
        ["systemctl", "list-units", "--plain", "--no-legend", "camguard-asks-*"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line.split()[0] for line in told.splitlines()]


def test_the_session_managers_look_at_the_cameras_is_no_use(service: FromWheel, session: PipeWire) -> None:
    looked: set[tuple[str, str]] = set()

    def over() -> bool:
        told = [entry for entry in entries() if entry["process"]["exe"] in BROKERS]
        looked.update((entry["process"]["exe"], entry["state"]) for entry in told)
        return bool(told) and all(entry["ended_at"] for entry in told)

    until("the end of the session manager's look", over)
    assert {state for _, state in looked} <= {"opened", "probe"}


def test_who_has_the_webcam_through_pipewire_is_named_and_cut_off(service: FromWheel, session: PipeWire) -> None:
    viewer = watch_through(session)
    entry = logged("the use through PipeWire", pid=viewer.pid, state="capturing")
    assert entry["camera"]["name"] == WEBCAM
    assert (entry["process"]["exe"], entry["process"]["user"]) == (VIEWER, "kid")
    assert (entry["app"]["id"], entry["app"]["confidence"]) == ("gstreamer1.0-tools", "broker")
    assert entry["process"]["through"]["broker"] == DAEMON
    until("the webcam's light", light)
    done = camguard("end", entry["activation"], "--yes", "--json", user="kid")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["outcome"]["result"] == "ended"
    assert [step["what"] for step in result["outcome"]["steps"]] == ["cut its connection to the camera (PipeWire)"]
    assert logged("its end", pid=viewer.pid, state="ended")["frames"] > 0
    dark()
    assert viewer.poll() is None


def test_pipewire_is_asked_as_its_user_in_a_unit_that_may_do_little(service: FromWheel, session: PipeWire) -> None:
    viewer = watch_through(session)
    logged("the use through PipeWire", pid=viewer.pid, state="capturing")
    until("the end of what asked the PipeWire before", lambda: len(units()) == 1)
    (unit,) = units()
    told = subprocess.run(["systemctl", "show", "-P", "MainPID", unit], capture_output=True, text=True, check=True)
    status = Path(f"/proc/{int(told.stdout)}/status").read_text()
    assert f"Uid:\t{KID}\t{KID}\t{KID}\t{KID}\n" in status
    assert "CapBnd:\t0000000000000000\n" in status
    analysed = subprocess.run(
        ["systemd-analyze", "security", "--threshold=40", unit], capture_output=True, text=True, check=False
    )
    assert analysed.returncode == 0, analysed.stdout
    restart()
    until("the end of what the service before had started", lambda: unit not in units())
