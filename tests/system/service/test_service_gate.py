"""The gate as the service keeps it, under its unit as it is shipped: what is blocked gets no device from the kernel."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camguard.core.events import Kind
from camguard.journal.entry import Entry
from tests.support.guest import WEBCAM, Desk, dark, light, until, webcam
from tests.support.installed import camguard, newest, show, subscriber, told

pytestmark = pytest.mark.system

REFUSED = "Operation not permitted"
Configure = Callable[[str], None]


@pytest.fixture
def viewer() -> Iterator[Path]:
    """A program that nobody ever saw: to the guard, an app of its own that needs no script to be told by."""
    with tempfile.TemporaryDirectory(prefix="wheel-viewer-", dir="/opt") as folder:
        path = Path(folder) / "viewer"
        shutil.copy(os.path.realpath(sys.executable), path)
        Path(folder).chmod(0o755)
        yield path


def gate(configured: Configure, mode: str) -> Entry:
    """The service with a gate of that mode, which is shut."""
    before = newest()
    configured(f'[gate]\nmode = "{mode}"\n')
    return told(Kind.GATE_CLOSED, before, mode=mode)


def rule(effect: str, app: str | Path) -> Entry:
    """Make a rule, and wait until the gate has it; what is said of that, where there is anything new to say."""
    before = newest()
    done = camguard("rules", effect, str(app))
    assert done.returncode == 0, done.stderr
    return told(Kind.RULE_ADDED, before)


def frames(desk: Desk, user: str, picture: Path) -> str | None:
    """What v4l2-ctl complains of when it is told to take pictures; None where it took some."""
    done = desk.account(user).run(
        "v4l2-ctl", "--stream-mmap", "--stream-count=3", f"--stream-to={picture}", "--device", webcam()
    )
    return done.stderr if done.returncode else None


def test_a_blocked_program_gets_no_frame_and_administrators_are_told(configured: Configure, desk: Desk) -> None:
    gate(configured, "block")
    watch = subscriber(desk, "root")
    everybody = subscriber(desk, "mallory")
    rule("block", "/usr/bin/v4l2-ctl")
    assert "package:v4l-utils" in camguard("rules", "list").stdout
    picture = desk.account("kid").home / "picture"
    until("the gate has the rule", lambda: REFUSED in (_looks(desk) or ""))
    program = desk.account("kid").start(
        "v4l2-ctl", "--stream-mmap", "--stream-count=3", f"--stream-to={picture}", "--device", webcam()
    )
    _, complaint = program.communicate(timeout=60)
    assert program.returncode != 0
    assert REFUSED in complaint
    assert not picture.exists()
    assert not light()
    refused = watch.wait_event("open.refused", pid=program.pid)
    assert refused["camera"]["name"] == WEBCAM
    assert (refused["app"]["kind"], refused["app"]["id"]) == ("package", "v4l-utils")
    assert (refused["process"]["exe"], refused["process"]["user"]) == ("/usr/bin/v4l2-ctl", "kid")
    other = desk.program("mmap", "--frames", "3", user="kid")
    assert other.wait() == 0, other.said()
    everybody.wait_event("capturing", reduced=True)
    assert not any('"open.refused"' in line for line in everybody.lines)


def test_a_blocked_script_is_ended_since_the_gate_cannot_tell_it(configured: Configure, desk: Desk) -> None:
    gate(configured, "block")
    script = desk.app("sneaky")
    before = newest()
    rule("block", script)
    told(Kind.GATE_CLOSED, before, not_told_apart=[f"script:{script}"])
    program = desk.program("mmap", user="kid", app="sneaky")
    assert program.wait() == -signal.SIGTERM, program.said()
    dark()
    other = desk.program("mmap", "--frames", "3", user="kid", app="honest")
    assert other.wait() == 0, other.said()


def test_in_allow_mode_only_what_a_rule_allows_gets_the_camera(configured: Configure, desk: Desk, viewer: Path) -> None:
    script = desk.app("trusted")
    for app in (viewer, script):
        assert camguard("rules", "allow", str(app)).returncode == 0
    closed = gate(configured, "allow")
    assert closed.data["extra"]["not_told_apart"] == [f"script:{script}"]
    capture = (script, "mmap", webcam(), "--frames", "3")
    done = desk.account("kid").run(viewer, *capture)
    assert done.returncode == 0, done.stderr
    assert "done 3" in done.stdout
    assert REFUSED in (frames(desk, "kid", desk.account("kid").home / "picture") or "")
    assert REFUSED in (frames(desk, "root", desk.folder / "picture") or "")
    done = desk.account("kid").run(sys.executable, *capture)  # allowed, but the kernel sees an interpreter
    assert (done.returncode, "PermissionError" in done.stderr) == (1, True), done.stderr
    with viewer.open("ab") as file:
        file.write(b"another program now")
    done = desk.account("kid").run(viewer, *capture)
    assert (done.returncode, "PermissionError" in done.stderr) == (1, True), done.stderr


def test_a_program_that_is_installed_later_is_ended_once_and_refused_from_then_on(
    configured: Configure, desk: Desk, viewer: Path
) -> None:
    away = viewer.rename(viewer.with_name("away"))
    before = newest()
    gate(configured, "block")
    assert camguard("rules", "block", f"executable:{viewer}").returncode == 0
    told(Kind.GATE_CLOSED, before, not_told_apart=[f"executable:{viewer}"])
    before = newest()  # what was told before there was the rule tells nothing apart either
    away.rename(viewer)
    capture = (viewer, desk.app("later"), "mmap", webcam())
    assert desk.account("kid").run(*capture).returncode == -signal.SIGTERM
    told(Kind.GATE_CLOSED, before, not_told_apart=[])
    done = desk.account("kid").run(*capture)
    assert (done.returncode, "PermissionError" in done.stderr) == (1, True), done.stderr


def test_when_the_service_is_killed_it_is_said_how_long_the_gate_stood_open(configured: Configure, desk: Desk) -> None:
    gate(configured, "block")
    rule("block", "/usr/bin/v4l2-ctl")
    until("the gate has the rule", lambda: REFUSED in (_looks(desk) or ""))
    before, pid = newest(), int(show("MainPID"))
    os.kill(pid, signal.SIGKILL)
    gap = told(Kind.GUARD_GAP, before, how="died")
    opened = told(Kind.GATE_OPEN, before)
    assert "died" in opened.data["extra"]["why"]
    assert opened.data["extra"]["from"] == gap.data["extra"]["from"]
    assert gap.seq < opened.seq < told(Kind.GATE_CLOSED, before, mode="block").seq
    assert REFUSED in (_looks(desk) or "")


def _looks(desk: Desk) -> str | None:
    """What v4l2-ctl complains of when it only looks at the camera."""
    done = desk.account("kid").run("v4l2-ctl", "--device", webcam(), "--info")
    return done.stderr if done.returncode else None
