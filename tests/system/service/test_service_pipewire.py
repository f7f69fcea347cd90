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

from camguard.journal.filter import Filter
from camguard.journal.queries import Reader
from tests.support import pipewire
from tests.support.guest import WEBCAM, light, until, webcam
from tests.support.installed import JOURNAL, FromWheel, camguard, entries, logged, restart
from tests.support.pipewire import PipeWire

pytestmark = pytest.mark.system

KID = 1000
VIEWER = os.path.realpath("/usr/bin/gst-launch-1.0")
DAEMON = os.path.realpath("/usr/bin/pipewire")


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
    """Start a program of kid's that has the webcam from PipeWire."""
    source = f"target-object={session.camera_of(webcam())}"
    return session.run("gst-launch-1.0", "-q", "pipewiresrc", source, "!", "video/x-raw,format=YUY2", "!", "fakesink")


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
    viewer = watch_through(session)  # what comes after the look
    logged("the use", pid=viewer.pid, state="capturing")
    looked = [entry for entry in entries() if entry["process"]["exe"] != VIEWER and entry["process"]["uid"] == KID]
    assert [entry for entry in looked if "pipewire" in entry["process"]["exe"] and entry["state"] != "probe"] == []
    assert [entry for entry in looked if "wireplumber" in entry["process"]["exe"] and entry["state"] != "probe"] == []


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
    until("the light goes out", lambda: not light())
    assert viewer.poll() is None


def test_pipewire_is_asked_as_its_user_in_a_unit_that_may_do_little(service: FromWheel, session: PipeWire) -> None:
    viewer = watch_through(session)
    logged("the use through PipeWire", pid=viewer.pid, state="capturing")
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
    logged("the use, by the service that came after", pid=viewer.pid, present=True)


def test_no_look_at_pipewire_was_refused(service: FromWheel) -> None:
    with Reader(JOURNAL) as reader:
        blind = [entry.data for entry in reader.entries(0, ["guard.blind"])]
        assert reader.activations(Filter(limit=1))
    assert [each for each in blind if "pipewire" in str(each)] == []
