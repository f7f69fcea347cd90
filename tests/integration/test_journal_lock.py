"""One guard to a journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from camguard.errors import GuardRunning, JournalError
from camguard.journal.lock import GuardLock, guard_pid

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, pathlib
from camguard.journal.lock import GuardLock
with GuardLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

LOOKER = """
import sys, pathlib
from camguard.journal.lock import guard_pid
print("looking", flush=True)
while True:
    guard_pid(pathlib.Path(sys.argv[1]))
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_guard_is_told_the_first_ones_pid(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    with holder(path) as first:
        assert guard_pid(path) == first.pid
        with pytest.raises(GuardRunning, match=f"pid {first.pid}") as refused:
            GuardLock(path)
        assert refused.value.pid == first.pid
        first.communicate()
    assert guard_pid(path) is None
    with GuardLock(path):
        assert guard_pid(path) == os.getpid()


def test_kill_9_lets_the_lock_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with holder(path) as first:
        first.kill()
        first.wait()
    assert guard_pid(path) is None
    GuardLock(path).release()


def test_who_looks_does_not_keep_a_guard_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    GuardLock(path).release()
    with subprocess.Popen(
        [sys.executable, "-c", LOOKER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as looker:
        assert looker.stdout is not None
        looker.stdout.readline()
        try:
            for _ in range(50):
                GuardLock(path).release()
        finally:
            looker.kill()


def test_no_lock_file_means_no_guard(tmp_path: Path) -> None:
    assert guard_pid(tmp_path / "none" / "journal.db") is None


def test_a_link_in_the_lock_files_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("text")
    (tmp_path / "journal.db.lock").symlink_to(target)
    with pytest.raises(JournalError):
        GuardLock(tmp_path / "journal.db")
    assert target.read_text() == "text"
