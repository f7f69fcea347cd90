"""`camguard end` on a real camera: the proof is the light."""

from __future__ import annotations

import json

import pytest

from tests.support.guest import Desk, dark, light, webcam

pytestmark = pytest.mark.system

USERS = pytest.mark.parametrize("user", ["root", "kid"])


@USERS
@pytest.mark.parametrize("target", ["activation", "pid", "app"])
def test_end_stops_the_capture(desk: Desk, user: str, target: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("mmap", app="sneaky", user=user)
    activation = watch.wait_event("capturing", pid=program.pid)["activation"]
    program.wait_word("frames")
    assert light()
    name = {"activation": activation, "pid": str(program.pid), "app": "sneaky.py"}[target]
    done = desk.camguard("end", "--yes", name, user=user)
    assert done.returncode == 0, done.stdout + done.stderr
    dark()
    assert program.wait() != 0
    watch.wait_event("ended", activation=activation)


@USERS
def test_end_finds_the_child_that_holds_on(desk: Desk, user: str) -> None:
    watch = desk.watch(user=user)
    program = desk.program("fork", app="sneaky", user=user)
    program.wait_word("frames")
    assert light()
    activation = watch.wait_event("capturing", script=str(desk.app("sneaky")))["activation"]
    done = desk.camguard("end", "--yes", activation, user=user)
    assert done.returncode == 0, done.stdout + done.stderr
    dark()
    watch.wait_event("ended", activation=activation)


def test_end_without_a_guard_running(desk: Desk) -> None:
    program = desk.program("mmap", app="sneaky")
    program.wait_word("frames")
    done = desk.camguard("end", "--yes", str(program.pid))
    assert done.returncode == 0, done.stdout + done.stderr
    dark()


def test_a_user_cannot_end_somebody_elses_use(desk: Desk) -> None:
    program = desk.program("mmap")
    program.wait_word("frames")
    done = desk.camguard("end", "--yes", str(program.pid), user="kid")
    assert done.returncode == 1, done.stdout + done.stderr
    assert program.process.poll() is None
    assert light()


def test_a_blocked_app_is_ended_by_the_guard(desk: Desk) -> None:
    watch = desk.watch()
    blocked = desk.camguard("rules", "block", str(desk.app("sneaky")))
    assert blocked.returncode == 0, blocked.stdout + blocked.stderr
    program = desk.program("mmap", app="sneaky")
    completed = watch.wait_event("action.completed")
    assert completed["outcome"]["result"] == "ended"
    assert program.wait() != 0
    dark()


def test_the_log_tells_it_afterwards(desk: Desk) -> None:
    watch = desk.watch()
    program = desk.program("mmap", "--frames", "10")
    assert program.wait() == 0, program.said()
    activation = watch.wait_event("ended", pid=program.pid)["activation"]
    done = desk.camguard("log", "--json")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    (entry,) = [entry for entry in entries if entry.get("activation") == activation]
    assert entry["camera"]["nodes"] == [str(webcam())]
    assert desk.camguard("log", "verify").returncode == 0
