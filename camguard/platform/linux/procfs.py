"""Reading /proc: the quick facts about a process. See proc(5).

Everything takes the folder `proc`, so that a tree made of plain files can stand in for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from camguard.core.model import NANOSECONDS, Process, ProcessIdentity
from camguard.errors import ProcessGone
from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.scriptline import MODULE, script_of

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
DELETED = " (deleted)"
_READ = 4096
_COMMAND_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Stat:
    """What is used of /proc/PID/stat. `flags` are the kernel's own (PF_* of include/linux/sched.h)."""

    name: str
    state: str
    parent: int
    flags: int
    start_ticks: int


def read(path: str, limit: int = _READ, dir_fd: int | None = None) -> bytes:
    """The first `limit` bytes of a file of /proc, by one plain read where it fits.

    Raises OSError as the system does.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)


def stat(proc: str, pid: int) -> Stat:
    """/proc/PID/stat, taken apart after the last ``)``, since a name may hold anything.

    Raises ProcessGone where there is no such process.
    """
    try:
        return _take_apart(read(f"{proc}/{pid}/stat"), pid)
    except OSError as error:
        raise ProcessGone(f"process {pid} is gone") from error


def _take_apart(raw: bytes, pid: int) -> Stat:
    head, _, tail = raw.rpartition(b")")
    fields = tail.split()
    if len(fields) < 20:
        raise ProcessGone(f"process {pid} is gone")
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    return Stat(name, fields[0].decode("ascii", "replace"), int(fields[1]), int(fields[6]), int(fields[19]))


def executable(proc: str, pid: int) -> str | None:
    """The path that /proc/PID/exe bears, with a trailing " (deleted)" left in; None where it may not be read."""
    return _link(f"{proc}/{pid}/exe")


def _link(path: str) -> str | None:
    """Where a link of /proc leads, as text that any log can take: a path's bytes may be anything."""
    try:
        return os.readlink(os.fsencode(path)).decode("utf-8", "replace")
    except OSError:
        return None


def command(proc: str, pid: int) -> tuple[str, ...]:
    """The arguments the process was started with, not redacted; empty where they cannot be read."""
    try:
        raw = read(f"{proc}/{pid}/cmdline", _COMMAND_LIMIT)
    except OSError:
        return ()
    parts = raw.split(b"\0")
    if parts and not parts[-1]:
        parts.pop()
    return tuple(part.decode("utf-8", "replace") for part in parts)


def is_interpreter(exe: str) -> bool:
    """Whether an executable runs somebody else's script, judged by its file name (``python3.11`` counts)."""
    return knowledge().interpreter_of(exe.removesuffix(DELETED)) is not None


def script(proc: str, pid: int, exe: str | None) -> str | None:
    """The script that an interpreter runs, as an absolute path where it is a file; ``-m NAME`` for a module.

    None for a program that is no interpreter, and where `scriptline` cannot tell of one.
    """
    how = None if exe is None else knowledge().interpreter_of(exe.removesuffix(DELETED))
    found = None if how is None else script_of(how, command(proc, pid)[1:])
    return found if found is None or found.startswith(MODULE) else _absolute(proc, pid, found)


def _absolute(proc: str, pid: int, path: str) -> str:
    if path.startswith("/"):
        return os.path.normpath(path)
    folder = _link(f"{proc}/{pid}/cwd")
    return path if folder is None else os.path.normpath(os.path.join(folder, path))


def thread_group(proc: str, thread: int) -> int | None:
    """The process that a thread belongs to; None where it is gone."""
    try:
        raw = read(f"{proc}/{thread}/status")
    except OSError:
        return None
    for line in raw.splitlines():
        if line.startswith(b"Tgid:"):
            return int(line.split()[1])
    return None


def boot_id(proc: str) -> str:
    """This boot's id (random(4)), or an empty string where it cannot be read."""
    try:
        return read(f"{proc}/sys/kernel/random/boot_id").decode("ascii").strip()
    except OSError:
        return ""


def boot_time_ns(proc: str) -> int:
    """When this boot began by the wall clock, in nanoseconds since 1970; 0 where it cannot be read."""
    try:
        for line in read(f"{proc}/stat", 1 << 20).splitlines():
            if line.startswith(b"btime "):
                return int(line.split()[1]) * NANOSECONDS
    except OSError:
        return 0
    return 0


class ProcessReader:
    """Reads the quick facts of one process after another; boot facts are read once."""

    def __init__(self, proc: str = "/proc") -> None:
        self.proc = proc
        self.boot_id = boot_id(proc)
        self._boot_time_ns = boot_time_ns(proc)

    def process(self, pid: int) -> Process:
        """The quick facts of `pid`.

        Raises ProcessGone where it is gone, or was replaced by another process while it was read.
        """
        try:
            folder = os.open(f"{self.proc}/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ProcessGone(f"process {pid} is gone") from error
        try:
            uid = os.fstat(folder).st_uid
            exe = executable(self.proc, pid)
            found = script(self.proc, pid, exe)
            # Last, and by the folder: that answers only while the process it was opened for is there, so all
            # that was read before it was that process's too.
            last = _take_apart(read("stat", dir_fd=folder), pid)
        except OSError as error:
            raise ProcessGone(f"process {pid} is gone") from error
        finally:
            os.close(folder)
        identity = ProcessIdentity(pid, last.start_ticks, self.boot_id)
        return Process(identity, last.name, exe, uid, found, self._started(last.start_ticks))

    def alive(self, identity: ProcessIdentity) -> bool:
        """Whether this very process still lives (a zombie does not)."""
        try:
            now = stat(self.proc, identity.pid)
        except ProcessGone:
            return False
        return now.start_ticks == identity.start_ticks and now.state not in {"Z", "X"}

    def _started(self, ticks: int) -> int:
        return self._boot_time_ns + ticks * NANOSECONDS // CLOCK_TICKS
