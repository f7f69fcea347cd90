"""The service from its wheel to its end: installed, at work under its unit as it is shipped, upgraded, gone again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from camguard.core.events import Kind
from camguard.core.model import Effect
from camguard.core.power import Power
from camguard.ipc import calls
from tests.support.guest import WEBCAM, WEBCAM_LINK, Desk, back, dark, tell_webcam, until, webcam
from tests.support.installed import CURRENT, UNIT, FromWheel, client, logged, newest, show, told

pytestmark = pytest.mark.system


def test_the_unit_leaves_little_open(service: FromWheel) -> None:
    unit = f"/etc/systemd/system/{UNIT}"
    analysed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    assert analysed.returncode == 0, analysed.stdout
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_only_root_could_change_what_it_runs(service: FromWheel) -> None:
    everything = [CURRENT.parent, *CURRENT.parent.rglob("*")]
    others = stat.S_IWGRP | stat.S_IWOTH
    assert len(everything) > 100
    for path in everything:
        found = path.lstat()
        assert found.st_uid == 0, path
        assert path.is_symlink() or not found.st_mode & others, path
    assert show("ExecStart").split(";")[0].endswith(f"path={CURRENT}/bin/python ")


def test_its_status_is_told_to_everybody(service: FromWheel) -> None:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["/usr/local/bin/camguard", "service", "status", "--json"],
        capture_output=True,
        text=True,
        check=False,
        user="mallory",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert (status["installed"], status["enabled"], status["active"], status["answers"]) == (True, True, True, True)
    assert status["version_installed"] == status["version_serving"] == status["version"]
    assert status["pid"] == int(show("MainPID"))


def test_a_use_by_another_user_is_seen_with_all_that_it_is(service: FromWheel, desk: Desk) -> None:
    pictures = desk.account("kid").home / "pictures"
    program = desk.account("kid").start("v4l2-ctl", "--device", webcam(), "--stream-mmap", f"--stream-to={pictures}")
    entry = logged("the use by kid", pid=program.pid, state="capturing")
    until("a picture", lambda: pictures.exists() and pictures.stat().st_size > 0)  # it captures before it has one
    program.terminate()
    program.communicate(timeout=60)
    assert entry["camera"]["name"] == WEBCAM
    assert entry["process"]["user"] == "kid"
    assert entry["process"]["exe"] == "/usr/bin/v4l2-ctl"
    assert entry["process"]["package"] == "v4l-utils"
    assert logged("its end", pid=program.pid, state="ended")["frames"] > 0


def test_a_program_that_only_its_user_can_reach_is_known_by_its_path(service: FromWheel, desk: Desk) -> None:
    home = Path("/home/kid")
    mode = home.stat().st_mode
    mine = home / "mine"
    shutil.copy("/usr/bin/v4l2-ctl", mine)
    try:
        home.chmod(0o700)
        mine.chmod(0o700)
        shutil.chown(mine, "kid", "kid")
        program = desk.account("kid").start(mine, "--device", webcam(), "--stream-mmap", "--stream-to=/dev/null")
        entry = logged("the use by a program of kid's", pid=program.pid, state="capturing")
        program.terminate()
        program.communicate(timeout=60)
        assert entry["app"]["path"] == str(mine)
        assert entry["process"]["exe_sha256"]
    finally:
        mine.unlink()
        home.chmod(mode)


def test_a_script_in_a_folder_for_temporary_files_is_known_by_its_path(service: FromWheel, desk: Desk) -> None:
    program = desk.program("mmap", user="kid", app="temporary")
    entry = logged("the use by a script in /tmp", pid=program.pid, state="capturing")
    assert str(desk.folder).startswith("/tmp/")
    assert entry["app"]["path"] == str(desk.app("temporary"))


def test_a_blocked_use_is_ended(service: FromWheel, desk: Desk) -> None:
    app = f"script:{desk.app('blocked')}"
    with client() as caller:
        added = caller.call(calls.AddRule(calls.NewRule(effect=Effect.BLOCK, app=app)))
        program = desk.program("mmap", user="kid", app="blocked")
        assert program.wait() == -signal.SIGTERM, program.said()
        caller.call(calls.RemoveRule(added["rule"]["rule"]))
    dark()


def test_the_camera_is_switched_off_and_on(service: FromWheel, desk: Desk) -> None:
    program = desk.program("mmap", user="kid")
    program.wait_word("frames")
    with client() as caller:
        caller.call(calls.Switch(Power.OFF, WEBCAM), timeout_s=60)
        assert not WEBCAM_LINK.exists()
        assert program.wait() == 3, program.said()
        dark()
        caller.call(calls.Switch(Power.ON, WEBCAM), timeout_s=60)
    back()
    again = desk.program("mmap", "--frames", "5", user="kid")
    assert again.wait() == 0, again.said()


def test_cameras_come_and_go_without_a_network(service: FromWheel, desk: Desk) -> None:
    pid = show("MainPID")
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/1/ns/net")
    before = newest()
    tell_webcam("unplug")
    tell_webcam("plug")
    told(Kind.CAMERA_ADDED, before)
    program = desk.program("mmap", "--frames", "5", user="kid")
    assert program.wait() == 0, program.said()
    assert logged("the use after the plug was back", pid=program.pid, state="ended")["frames"] == 5


def test_it_comes_back_when_it_is_killed(service: FromWheel) -> None:
    pid = int(show("MainPID"))
    os.kill(pid, signal.SIGKILL)
    # In this order: active may be what it was before it was killed.
    until("it is back", lambda: show("MainPID") not in {"0", str(pid)} and show("ActiveState") == "active")
    with client() as caller:
        assert caller.version
    done = service.run("service", "restart")
    assert done.returncode == 0, done.stderr
    assert show("NRestarts") == "0"


def test_what_was_changed_after_it_was_installed_is_not_taken_along(service: FromWheel) -> None:
    pid, release = show("MainPID"), CURRENT.resolve()
    changed = service.site / "camguard/errors.py"
    before = changed.read_text()
    service.change("camguard/errors.py", f"{before}\n", recorded=False)
    done = service.run("service", "install")
    changed.write_text(before)
    assert done.returncode == 1
    assert "camguard/errors.py was changed after it was installed" in done.stderr
    assert (show("MainPID"), CURRENT.resolve()) == (pid, release)


def test_a_release_that_does_not_start_is_taken_back(service: FromWheel) -> None:
    release = CURRENT.resolve()
    path = "camguard/service/__main__.py"
    before = (service.site / path).read_text()
    service.change(path, "import sys\nif __name__ == '__main__':\n    sys.exit('no, I will not')\n", recorded=True)
    done = service.run("service", "install")
    service.change(path, before, recorded=True)
    assert done.returncode == 1
    assert "no, I will not" in done.stderr
    assert CURRENT.resolve() == release
    assert set(CURRENT.parent.iterdir()) == {CURRENT, release}
    assert show("ActiveState") == "active"
    with client() as caller:
        assert caller.version


def test_an_upgrade_leaves_one_release(service: FromWheel) -> None:
    before = CURRENT.resolve()
    done = service.run("service", "install")
    assert done.returncode == 0, done.stderr
    assert CURRENT.resolve() != before
    assert set(CURRENT.parent.iterdir()) == {CURRENT, CURRENT.resolve()}
    assert show("ActiveState") == "active"


def test_who_is_not_root_changes_nothing(service: FromWheel) -> None:
    pid = show("MainPID")
    for arguments in (("install",), ("uninstall", "--yes"), ("restart",)):
        done = service.run("service", *arguments, user="kid")
        assert (done.returncode, "as root" in done.stderr) == (1, True), done.stderr
    assert show("MainPID") == pid
