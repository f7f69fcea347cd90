"""Time, processes and ending by what every operating system has, through psutil."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import replace

import psutil

from camguard.core.details import Details, Parent
from camguard.core.model import (
    NANOSECONDS,
    UNKNOWN_APP,
    App,
    AppIdentity,
    AppKind,
    Moment,
    Outcome,
    Process,
    ProcessIdentity,
    Result,
)
from camguard.core.redaction import redact
from camguard.errors import AccessDenied, CamguardError, NothingMatched
from camguard.platform.ladder import Ladder
from camguard.ports import CameraSource, Finding, Level, Onlooker, Tell

_INTERPRETERS = ("python", "pypy", "node", "perl", "ruby", "bash", "dash", "sh", "zsh", "lua")
_PARENTS = 16
_KILL_PATIENCE_S = 2.0
_MILLISECONDS = 1000


class PortableClock:
    """The wall clock and the monotonic clock; this boot is told apart by when it began."""

    def __init__(self) -> None:
        self._boot_id = f"boot-{psutil.boot_time():.0f}"

    def now(self) -> Moment:
        """This moment."""
        utc_ns = time.time_ns()
        offset = time.localtime(utc_ns // NANOSECONDS).tm_gmtoff
        return Moment(utc_ns, offset, time.monotonic_ns(), self._boot_id)


def quick_facts(process: psutil.Process, boot_id: str) -> Process:
    """What can be read at once of a process; its start is in milliseconds of the wall clock.

    Raises psutil.Error where the process is gone or closed to this user.
    """
    with process.oneshot():
        identity = ProcessIdentity(process.pid, _started_ms(process), boot_id)
        exe = process.exe() or None
        uid = process.uids().real if os.name == "posix" else None
        script = _script(exe, process.cmdline())
        started_ns = int(process.create_time() * NANOSECONDS)
        return Process(identity, process.name(), exe, uid, script, started_ns)


def _started_ms(process: psutil.Process) -> int:
    return round(process.create_time() * _MILLISECONDS)


def _is_interpreter(exe: str) -> bool:
    return os.path.basename(exe).removesuffix(".exe").rstrip("0123456789.") in _INTERPRETERS


def _script(exe: str | None, command: list[str]) -> str | None:
    """The script of an interpreter, as an absolute path, where it was the first argument."""
    if exe is None or not _is_interpreter(exe) or len(command) < 2 or command[1].startswith("-"):
        return None
    return os.path.abspath(command[1])


def same(identity: ProcessIdentity) -> psutil.Process | None:
    """The process with this identity, None where it is gone (a zombie is) or its pid belongs to another."""
    try:
        process = psutil.Process(identity.pid)
        if _started_ms(process) != identity.start_ticks or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.Error:
        return None
    return process


class SimulatedIdentifier:
    """Identifies a process by its executable or script and that file's content."""

    def identify(self, process: Process, onlooker: Onlooker | None = None) -> tuple[App, Details]:
        """The app behind a process."""
        name = os.path.basename(process.script or process.exe or "") or process.name or "unknown process"
        found = None if process.identity is None else same(process.identity)
        if found is None or process.exe is None:
            return App(UNKNOWN_APP, name), Details()
        details = Details()
        with suppress(psutil.Error):
            details = replace(
                details, command=redact(found.cmdline()), user=found.username(), parents=parents_of(found)
            )
        if onlooker is not None:
            onlooker.secured()
        details = replace(details, exe_sha256=_sha256(process.exe))
        if not _is_interpreter(process.exe):
            return App(AppIdentity(AppKind.EXECUTABLE, process.exe, process.exe, details.exe_sha256), name), details
        content = None if process.script is None else _sha256(process.script)
        if process.script is None or content is None:  # a rule for it would let every script in
            return App(UNKNOWN_APP, f"{name} (inline code)"), details
        return App(AppIdentity(AppKind.SCRIPT, process.script, process.script, content), name), details

    def identify_file(self, path: str) -> App:
        """The app that a file would be if it were run.

        Raises NothingMatched where there is no such file or it cannot be run, AccessDenied where it may not be read.
        """
        real = os.path.realpath(path)
        if not os.path.isfile(real):
            raise NothingMatched(f"there is no file {path}")
        content = _sha256(real)
        if content is None:
            raise AccessDenied(f"{path} may not be read by this user")
        script = _is_script(real)
        if not script and not os.access(real, os.X_OK):
            raise NothingMatched(f"{path} is neither executable nor a script")
        name = os.path.basename(real)
        if not script and _is_interpreter(real):
            return App(UNKNOWN_APP, f"{name} (inline code)")
        return App(AppIdentity(AppKind.SCRIPT if script else AppKind.EXECUTABLE, real, real, content), name)


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!" or path.endswith((".py", ".sh", ".js", ".pl", ".rb", ".lua"))


def parents_of(process: psutil.Process) -> tuple[Parent, ...]:
    """The parent chain, nearest first. Raises psutil.Error where the process is gone."""
    chain = []
    for parent in process.parents()[:_PARENTS]:
        with suppress(psutil.Error):
            chain.append(Parent(parent.pid, parent.name(), None))
    return tuple(chain)


def _sha256(path: str) -> str | None:
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class SimulatedControl:
    """Ends processes by psutil, which compares the time of their start before each signal."""

    def __init__(self, *, patience_s: float = 3.0) -> None:
        self._patience_s = patience_s

    def objection(self, process: Process) -> str | None:
        """Why this process must not be ended; None where it may be."""
        if process.identity is None:
            return "It is not known which process this was."
        pid = process.identity.pid
        if pid in {0, 1}:
            return f"Process {pid} keeps the whole system running."
        if pid == os.getpid():
            return "This is camguard itself."
        if pid in {parent.pid for parent in psutil.Process().parents()}:
            return f"Process {pid} started camguard: ending it would end the guard."
        if os.name == "posix" and process.uid not in {None, os.geteuid()}:
            return f"Process {pid} belongs to another user: only an administrator may end it."
        return None

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        """End one process: looked at again, asked to end, waited for, killed."""
        patience_s = self._patience_s if patience_s is None else patience_s
        objection = self.objection(process)
        if process.identity is None or objection is not None:
            return Outcome(Result.REFUSED, why=objection)
        found = same(process.identity)
        gone = f"Process {process.identity.pid} has already ended."
        if found is None:
            return Outcome(Result.GONE, why=gone)
        ladder = Ladder(process.identity.pid, tell)
        ladder.step("checked that it is still the same process", "it is")
        try:
            for what, act, wait_s in (
                ("asked it to end", found.terminate, patience_s),
                ("killed it", found.kill, _KILL_PATIENCE_S),
            ):
                act()
                if _ended(found, process.identity, wait_s):
                    ladder.step(what, "ended")
                    return ladder.outcome(Result.ENDED)
                ladder.step(what, f"still there after {wait_s:g} s")
        except psutil.NoSuchProcess:
            return ladder.outcome(Result.GONE, gone)
        except psutil.AccessDenied:
            why = "The system does not let this user end it; an administrator may."
            return ladder.outcome(Result.REFUSED, why)
        return ladder.outcome(Result.FAILED, f"Process {process.identity.pid} did not end.")


def _ended(process: psutil.Process, identity: ProcessIdentity, within_s: float) -> bool:
    try:
        process.wait(within_s)
    except psutil.TimeoutExpired:
        return same(identity) is None
    return True


class SimulatedExaminer:
    """Tells that cameras here are pretend ones, and which."""

    def __init__(self, source: CameraSource) -> None:
        self._source = source

    def examine(self) -> tuple[Finding, ...]:
        """All findings."""
        try:
            cameras = self._source.cameras()
        except CamguardError as error:
            return (Finding(Level.PROBLEM, "cameras", str(error), "Mend or remove that file."),)
        said = "The backend is simulated: no real camera is watched."
        remedy = 'Set backend = "linux" in the configuration to watch real cameras.'
        names = ", ".join(camera.name for camera in cameras) or "none"
        return (
            Finding(Level.WARNING, "backend", said, remedy),
            Finding(Level.OK, "cameras", f"Pretend cameras: {names}."),
        )
