"""Runs a program as the user whom it is about: directly, by changing to that user, or through systemd.

Root does not talk to a user's PipeWire or session bus itself. Whoever answers there is that user's program, or one that
pretends to be what is asked; what takes its messages apart is a library in C, which expects no harm from that side. So
it runs with that user's rights and no more. The service has not the rights to become a user either (CAP_SETUID,
CAP_SETGID): it has systemd start the program, in a unit of its own that may do next to nothing, and gets what that
writes by a pipe.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from camguard.errors import BrokerError, ProcessGone
from camguard.platform.linux import procfs

PROGRAMS = "/usr/bin:/bin:/usr/local/bin"

_SETGID, _SETUID = 6, 7  # linux/capability.h
_NOBODYS_GROUP = 65534
_STOPPED = ("T", "t")  # by a signal, or by a debugger
_CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")  # the second where the first version is in use too
_SLICE = "system.slice"
_NUMBERS = count(1)

_SANDBOX = (
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "PrivateNetwork=yes",
    "RestrictAddressFamilies=AF_UNIX",
    "RestrictNamespaces=yes",
    "ProtectSystem=strict",
    "ProtectHome=read-only",  # the sockets that are asked are in /run/user
    "PrivateDevices=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "MemoryMax=64M",
    "TasksMax=8",
    "IgnoreSIGPIPE=no",  # it ends with the pipe that it writes to
    "LogLevelMax=notice",  # that it was started and has ended is no news
)
"""What is taken from the program besides its user's own limits. Not PrivateUsers: PipeWire looks at /proc/PID/root."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The argument list, and what `subprocess.Popen` needs besides; `unit` where systemd runs the program itself."""

    command: list[str]
    options: dict[str, Any]
    unit: str | None = None

    def stopped(self, started: int) -> bool:
        """Whether the program was stopped, as any program of its user can do; `started` is what was started here."""
        for pid in (started,) if self.unit is None else _members(self.unit):
            with suppress(ProcessGone):
                if procfs.stat("/proc", pid).state in _STOPPED:
                    return True
        return False

    def end(self) -> None:
        """Kill what systemd runs; what was started here is for whoever started it. Nothing happens where it is gone."""
        if self.unit is not None:
            for pid in _members(self.unit):
                _kill(pid, self.unit)


def launch(uid: int, program: str, words: Sequence[str], environment: Mapping[str, str], source: str) -> Launch:
    """How to run a program as a user, with this environment and nothing else of ours; `source` is what has it.

    Raises BrokerError where the program is not installed, or nothing here can run it as that user.
    """
    command = [_path(program, source), *words]
    environment = {"PATH": PROGRAMS, "LC_ALL": "C.UTF-8", **environment}
    options: dict[str, Any] = {"env": environment, "cwd": "/", "stdin": subprocess.DEVNULL}
    if uid == os.geteuid():
        return Launch(command, options)
    if may_become_users():
        return Launch(command, {**options, "user": uid, "group": _group(uid), "extra_groups": ()})
    return _by_systemd(uid, command, environment)


def installed(program: str) -> bool:
    """Whether there is a program of this name."""
    return shutil.which(program, path=PROGRAMS) is not None


def may_become_users() -> bool:
    """Whether this process may change to another user."""
    for line in procfs.read("/proc/self/status").splitlines():
        if line.startswith(b"CapEff:"):
            held = int(line.split()[1], 16)
            return bool(held >> _SETUID & 1) and bool(held >> _SETGID & 1)
    return False


def _by_systemd(uid: int, command: list[str], environment: Mapping[str, str]) -> Launch:
    run = _path("systemd-run", "it comes with systemd")
    unit = f"camguard-asks-{uid}-{os.getpid()}-{next(_NUMBERS)}.service"
    properties = [*_SANDBOX]
    own = _own_unit()
    if own is not None:  # it is not to outlive us
        properties += [f"BindsTo={own}", f"After={own}"]
    words = [run, "--quiet", "--collect", "--pipe", f"--unit={unit}", f"--slice={_SLICE}", f"--uid={uid}"]
    words += [f"--description=What camguard asks of user {uid}"]
    words += [f"--property={each}" for each in properties]
    words += [f"--setenv={key}={value}" for key, value in environment.items()]
    options: dict[str, Any] = {"env": {"PATH": PROGRAMS}, "cwd": "/", "stdin": subprocess.DEVNULL}
    return Launch([*words, "--", *command], options, unit)


def _own_unit() -> str | None:
    """The service of systemd that this process is part of; None where it is none."""
    for line in procfs.read("/proc/self/cgroup").decode("utf-8", "replace").splitlines():
        name = line.rpartition("/")[2]
        if name.endswith(".service"):
            return name
    return None


def _members(unit: str) -> tuple[int, ...]:
    for root in _CGROUPS:
        try:
            return tuple(int(pid) for pid in procfs.read(f"{root}/{_SLICE}/{unit}/cgroup.procs").split())
        except OSError:
            continue
    return ()


def _kill(pid: int, unit: str) -> None:
    """Kill a process of a unit, and no other that might have its pid by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid in _members(unit):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _path(program: str, source: str) -> str:
    path = shutil.which(program, path=PROGRAMS)
    if path is None:
        raise BrokerError(f"{program} is not installed ({source})")
    return path


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return _NOBODYS_GROUP
