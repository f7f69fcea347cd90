"""Ending real processes, and leaving alone those that must not be ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from camguard.core.model import Outcome, Process, ProcessIdentity, Result, Step
from camguard.platform.linux.control import LinuxControl
from camguard.platform.linux.procfs import boot_id
from tests.support.actors import facts, python, running

IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root; run: sudo python -m pytest tests/integration")


def end(process: Process, **options: float | bool) -> tuple[Outcome, list[Step]]:
    told: list[Step] = []
    outcome = LinuxControl(**options).end(process, told.append)  # type: ignore[arg-type]
    assert list(outcome.steps) == told
    return outcome, told


def test_a_process_that_heeds_sigterm_is_asked_only() -> None:
    with python("") as child:
        outcome, steps = end(facts(child.pid))
        assert outcome.result is Result.ENDED
        assert child.wait() == -signal.SIGTERM
    assert [step.what for step in steps] == ["checked that it is still the same process", "asked it to end (SIGTERM)"]


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    with python(IGNORES) as child:
        outcome, steps = end(facts(child.pid), patience_s=0.1)
        assert outcome.result is Result.ENDED
        assert child.wait() == -signal.SIGKILL
    assert steps[1].result == "still there after 0.1 s"
    assert steps[2].what == "killed it (SIGKILL)"


def test_a_process_that_goes_when_the_patience_is_just_over_was_ended() -> None:
    with python(IGNORES) as child:

        def go(step: Step) -> None:
            if step.result.startswith("still there"):
                child.kill()
                os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        outcome = LinuxControl(patience_s=0.1).end(facts(child.pid), go)
        assert (outcome.result, outcome.why) == (Result.ENDED, None)
        assert outcome.steps[-1].what == "asked it to end (SIGTERM)"


def test_a_stopped_process_is_said_to_be_stopped_and_killed() -> None:
    with python("") as child:
        process = facts(child.pid)
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        outcome, steps = end(process, patience_s=0.1)
        assert outcome.result is Result.ENDED
        assert child.wait() == -signal.SIGKILL
    assert "it is stopped (SIGSTOP)" in steps[1].result


def test_only_the_one_process_is_ended_not_its_children() -> None:
    with python("import os\nif not os.fork():\n  import time; time.sleep(600)") as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(children) == 1
        outcome, _ = end(facts(parent.pid))
        assert outcome.result is Result.ENDED
        child = facts(int(children[0]))
        outcome, _ = end(child)
        assert outcome.result is Result.ENDED


def test_a_process_that_has_ended_is_gone() -> None:
    with python("") as child:
        process = facts(child.pid)
        child.kill()
        child.wait()
        outcome, steps = end(process)
    assert (outcome.result, steps) == (Result.GONE, [])


def test_a_zombie_is_gone() -> None:
    with python("") as child:
        process = facts(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        outcome, _ = end(process)
    assert outcome.result is Result.GONE


def test_a_process_whose_main_thread_has_ended_is_not_gone() -> None:
    code = "import ctypes, threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    leave = "print('ready', flush=True)\nctypes.CDLL(None).pthread_exit(None)"
    with running([sys.executable, "-c", code + leave]) as child:
        process = facts(child.pid)
        outcome, _ = end(process)
        assert outcome.result is Result.ENDED
        assert child.wait() == -signal.SIGTERM


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot_id": "another-boot"}])
def test_a_pid_that_belongs_to_another_process_is_not_signalled(change: dict[str, object]) -> None:
    with python("") as child:
        process = facts(child.pid)
        assert process.identity is not None
        other = replace(process, identity=replace(process.identity, **change))  # type: ignore[arg-type]
        outcome, steps = end(other, patience_s=0.1)
        assert (outcome.result, steps) == (Result.GONE, [])
        assert child.poll() is None


def test_an_unknown_process_is_refused() -> None:
    outcome, _ = end(Process(None, "ghost"))
    assert outcome.result is Result.REFUSED
    assert outcome.why is not None


def test_process_1_the_guard_and_its_ancestors_are_refused() -> None:
    control = LinuxControl(others=True)
    for pid, word in ((1, "whole system"), (os.getpid(), "camguard itself"), (os.getppid(), "started camguard")):
        process = Process(ProcessIdentity(pid, facts_ticks(pid), boot_id("/proc")))
        assert word in (control.objection(process) or "")
        assert control.end(process, lambda _: None).result is Result.REFUSED


def facts_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_an_ordinary_process_meets_no_objection() -> None:
    with python("") as child:
        assert LinuxControl().objection(facts(child.pid)) is None


@pytest.fixture
def programs() -> Iterator[Path]:
    """A folder that only root may change, for programs that pass for the system's own."""
    folder = Path("/var/lib/camguard-test-programs")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def copy_of_cat(path: Path) -> Path:
    shutil.copy(shutil.which("cat") or "/bin/cat", path)
    path.chmod(0o755)
    return path


def cat(program: Path) -> subprocess.Popen[bytes]:
    """A process that waits for input; it has started its program once it has echoed a line."""
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"ready\n")
    process.stdin.flush()
    process.stdout.readline()
    return process


@as_root
@pytest.mark.parametrize(
    "name", ["pipewire", "wireplumber", "xdg-desktop-portal-gnome", "gnome-shell", "systemd-logind"]
)
def test_programs_of_the_system_are_protected_by_name(programs: Path, name: str) -> None:
    with cat(copy_of_cat(programs / name)) as child:
        try:
            outcome, _ = end(facts(child.pid))
            assert outcome.result is Result.REFUSED
            assert outcome.why is not None
            assert outcome.why.startswith(name)
            assert child.poll() is None
        finally:
            child.kill()


def test_a_program_that_a_user_named_so_is_not_protected(tmp_path: Path) -> None:
    program = copy_of_cat(tmp_path / "pipewire")
    program.chmod(0o775)  # as root: owned by root, but not by root alone
    with cat(program) as child:
        try:
            assert LinuxControl().objection(facts(child.pid)) is None
        finally:
            child.kill()


@as_root
def test_a_program_of_the_system_shown_under_another_name_is_not_protected(programs: Path, tmp_path: Path) -> None:
    """A user may mount any file over any path in a namespace of his own."""
    genuine, place = copy_of_cat(programs / "harmless"), copy_of_cat(tmp_path / "pipewire")
    script = f"mount --bind {genuine} {place} && exec {place}"
    with subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"ready\n")
            child.stdin.flush()
            if not child.stdout.readline():
                pytest.skip("no mount namespace here; run as root on a machine that allows unshare -m")
            process = facts(child.pid)
            assert (process.exe or "").endswith("/pipewire")
            assert LinuxControl().objection(process) is None
        finally:
            child.kill()


@as_root
def test_other_users_processes_need_an_administrators_word() -> None:
    with python("import os; os.setuid(65534)") as child:
        process = facts(child.pid)
        refused, _ = end(process)
        assert refused.result is Result.REFUSED
        assert "nobody" in (refused.why or "")
        assert child.poll() is None
        ended, _ = end(process, others=True)
        assert ended.result is Result.ENDED


@as_root
def test_kernel_threads_are_refused() -> None:
    if not Path("/proc/2/comm").exists() or Path("/proc/2/comm").read_text() != "kthreadd\n":
        pytest.skip("kernel threads cannot be seen here; run outside a container")
    process = Process(ProcessIdentity(2, facts_ticks(2), boot_id("/proc")))
    assert "kernel" in (LinuxControl().objection(process) or "")
