"""How a program is run as a user: directly, or by systemd where this process may not become one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.errors import BrokerError
from camguard.platform.linux import asuser, procfs
from camguard.platform.linux.asuser import Launch, launch
from tests.support.pipewire import wait_for

OTHER = 65534
UNIT = "camguard-asks-65534-1-1.service"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemd says which processes the unit has."""
    monkeypatch.setattr(asuser, "_CGROUPS", (f"{tmp_path}/not", str(tmp_path)))
    folder = tmp_path / "system.slice" / UNIT
    folder.mkdir(parents=True)
    return folder / "cgroup.procs"


@pytest.fixture
def as_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asuser, "may_become_users", lambda: False)


def run(start: Launch) -> str:
    said: str = subprocess.run(start.command, **start.options, stdout=subprocess.PIPE, text=True, check=True).stdout
    return said


def test_ones_own_program_gets_nothing_of_ours() -> None:
    start = launch(os.geteuid(), "env", (), {"SAID": "yes"}, "coreutils")
    assert sorted(run(start).split()) == ["LC_ALL=C.UTF-8", f"PATH={asuser.PROGRAMS}", "SAID=yes"]
    assert start.unit is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_user_and_none_of_roots_groups_stay() -> None:
    start = launch(OTHER, "id", (), {}, "coreutils")
    said = run(start)
    assert f"uid={OTHER}(" in said
    assert "0(root)" not in said


def test_who_may_not_become_a_user_asks_systemd(as_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asuser, "_own_unit", lambda: "camguard.service")
    monkeypatch.setattr(asuser, "_path", lambda program, _: f"/usr/bin/{program}")
    one, other = (launch(OTHER, "pw-dump", ("--monitor",), {"A": "b c"}, "it") for _ in range(2))
    assert one.command[0] == "/usr/bin/systemd-run"
    assert one.command[-3:] == ["--", "/usr/bin/pw-dump", "--monitor"]
    assert f"--uid={OTHER}" in one.command
    assert "--setenv=A=b c" in one.command
    assert "--property=BindsTo=camguard.service" in one.command
    assert {"--property=CapabilityBoundingSet=", "--property=NoNewPrivileges=yes"} <= set(one.command)
    assert f"--unit={one.unit}" in one.command
    assert one.unit != other.unit
    assert "A" not in one.options["env"]


def test_what_is_not_installed_is_said_with_where_it_is_from(as_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asuser, "PROGRAMS", "/nonexistent")
    with pytest.raises(BrokerError, match=r"pw-dump is not installed \(Debian: pipewire-bin\)"):
        launch(OTHER, "pw-dump", (), {}, "Debian: pipewire-bin")


def test_only_what_is_in_the_unit_is_ended(unit: Path, sleeper: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as outside:
        unit.write_text(f"{sleeper.pid}\n")
        Launch([], {}, UNIT).end()
        assert sleeper.wait(20) == -signal.SIGKILL
        assert outside.poll() is None
    unit.write_text(f"{sleeper.pid}\n")
    Launch([], {}, UNIT).end()  # gone: nothing happens
    unit.unlink()
    Launch([], {}, UNIT).end()


@pytest.mark.parametrize("by_systemd", [True, False])
def test_a_program_that_was_stopped_is_noticed(unit: Path, sleeper: subprocess.Popen[bytes], by_systemd: bool) -> None:
    unit.write_text(f"{sleeper.pid}\n")
    start, started = (Launch([], {}, UNIT), os.getpid()) if by_systemd else (Launch([], {}), sleeper.pid)
    assert not start.stopped(started)
    sleeper.send_signal(signal.SIGSTOP)
    wait_for(lambda: procfs.stat("/proc", sleeper.pid).state == "T", "the stop")
    assert start.stopped(started)
    unit.write_text("")
    assert not Launch([], {}, UNIT).stopped(sleeper.pid)


def test_rights_to_become_users_are_read_from_the_kernel() -> None:
    drop = ["setpriv", "--bounding-set=-setuid", "--inh-caps=-all"] if os.geteuid() == 0 else []
    code = "from camguard.platform.linux.asuser import may_become_users; print(may_become_users())"
    ran = subprocess.run([*drop, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
    assert asuser.may_become_users() is (os.geteuid() == 0)
