"""Reading /proc, from a tree of plain files and from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.model import ProcessIdentity
from camguard.errors import ProcessGone
from camguard.platform.linux import procfs
from camguard.platform.linux.procfs import ProcessReader


def make(proc: Path, pid: int, comm: bytes, exe: str = "/usr/bin/tool", command: bytes = b"tool\0") -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    fields = " ".join(str(number) for number in range(4, 53))
    (folder / "stat").write_bytes(b"%d (%b) S %b\n" % (pid, comm, fields.encode()))
    (folder / "cmdline").write_bytes(command)
    (folder / "exe").symlink_to(exe)
    (folder / "cwd").symlink_to("/home/somebody")


@given(comm=st.binary(max_size=15))
def test_a_name_may_hold_anything(comm: bytes) -> None:
    assert procfs._take_apart(b"7 (%b) S 1 %b" % (comm, b"0 " * 17 + b"42 0"), 7).start_ticks == 42


def test_the_facts(tmp_path: Path) -> None:
    make(tmp_path, 7, b"--help) R 1\n(", "/usr/bin/python3.11", b"python3\0-u\0run.py\0--token=x\0")
    process = ProcessReader(str(tmp_path)).process(7)
    assert process.identity == ProcessIdentity(7, 22, "")
    assert process.name == "--help) R 1\n("
    assert process.uid == os.getuid()
    assert process.script == "/home/somebody/run.py"


def test_bytes_that_are_no_text_become_text(tmp_path: Path) -> None:
    make(tmp_path, 7, b"\xff\xfe", os.fsdecode(b"/tmp/\xffapp"))
    process = ProcessReader(str(tmp_path)).process(7)
    assert process.exe == "/tmp/�app"
    assert process.name == "��"
    (process.exe + process.name).encode("utf-8")


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ProcessGone):
        ProcessReader(str(tmp_path)).process(7)
    make(tmp_path, 8, b"x")
    (tmp_path / "8" / "stat").write_bytes(b"")
    with pytest.raises(ProcessGone):
        ProcessReader(str(tmp_path)).process(8)


@pytest.mark.parametrize(
    ("command", "script"),
    [
        (b"python3\0-m\0http.server\0", "-m http.server"),
        (b"python3\0-c\0import os\0", None),
        (b"python3\0-W\0error\0/opt/a/../b.py\0", "/opt/b.py"),
        (b"python3\0", None),
        (b"", None),
    ],
)
def test_the_script_behind_an_interpreter(tmp_path: Path, command: bytes, script: str | None) -> None:
    make(tmp_path, 7, b"x", "/usr/bin/python3", command)
    assert procfs.script(str(tmp_path), 7, "/usr/bin/python3 (deleted)") == script
    assert procfs.script(str(tmp_path), 7, "/usr/bin/vlc") is None


def test_a_zombie_is_not_alive() -> None:
    reader = ProcessReader()
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    identity = reader.process(child.pid).identity
    assert identity is not None
    assert reader.alive(identity)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not reader.alive(identity)
    child.communicate()
    assert not reader.alive(identity)


def test_the_process_of_a_thread() -> None:
    assert procfs.thread_group("/proc", os.getpid()) == os.getpid()
    assert procfs.thread_group("/proc", 2**22 + 1) is None
