"""What a process has, out of /proc, within a given time. See proc(5) and proc_pid_net(5)."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from camguard.core.belongings import MAX_FILES, MAX_SOCKETS, Belongings, Endpoint, Kept
from camguard.core.model import Process, ProcessIdentity
from camguard.errors import ProcessGone
from camguard.platform.keepsake import Keepsakes, keep_all
from camguard.platform.linux import procfs
from camguard.platform.linux.evidence import parents
from camguard.platform.linux.hashing import open_regular
from camguard.ports import Gathered, OpenProgram

_FDS = 4096
_NET_BYTES = 1 << 20
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_NAMELESS = ("pipe:[", "anon_inode:")
_TABLES = ("tcp", "udp", "udp6", "tcp6")
_STATES = {
    1: "established", 2: "syn sent", 3: "syn received", 4: "fin wait 1", 5: "fin wait 2", 6: "time wait", 7: "closed",
    8: "close wait", 9: "last ack", 10: "listening", 11: "closing", 12: "syn received",
}  # fmt: skip  # include/net/tcp_states.h
_NO_TIME = "there was no time for more"
_GONE = "it had ended"


class LinuxWitness:
    """Looks at a process; blocking, and safe in several threads. `keepsakes` keeps copies; None: none are kept."""

    def __init__(self, proc: str = "/proc", keepsakes: Keepsakes | None = None) -> None:
        self._proc = proc
        self._keepsakes = keepsakes

    def gather(self, process: Process, within_s: float) -> Gathered:
        """See `camguard.ports.Witness.gather`."""
        identity = process.identity
        if identity is None:
            return Gathered(Belongings(process, why="it is not known which process this was"))
        look = _Look(self._proc, process, identity, time.monotonic() + within_s)
        programs = self._programs(process, identity) if self._keepsakes is not None else ()
        found = look.all()
        if found.why == _GONE:
            for program in programs:
                os.close(program.fd)
            return Gathered(found)
        return Gathered(found, programs)

    def keep(self, gathered: Gathered) -> tuple[Kept, ...]:
        """See `camguard.ports.Witness.keep`."""
        return keep_all(self._keepsakes, gathered.programs)

    def _programs(self, process: Process, identity: ProcessIdentity) -> tuple[OpenProgram, ...]:
        """The executable, also where it was deleted, and the script, held open until they are copied."""
        own = f"{self._proc}/{identity.pid}"
        ways = [(f"{own}/exe", process.exe or "")]
        if process.script is not None and process.script.startswith("/"):
            ways.append((f"{own}/root{process.script}", process.script))
        opened = [(path, open_regular(way)) for way, path in ways]
        return tuple(OpenProgram(path, fd) for path, fd in opened if fd is not None)


class _Look:
    """One look at one process."""

    def __init__(self, proc: str, process: Process, identity: ProcessIdentity, end: float) -> None:
        self._proc = proc
        self._own = f"{proc}/{identity.pid}"
        self._process = process
        self._identity = identity
        self._end = end
        self._why: str | None = None

    def all(self) -> Belongings:
        """What there is, the most telling first: what is not reached in time is left out, which is said."""
        names, inodes = self._open()
        chain = () if self._late() else tuple(parents(self._proc, self._identity.pid))
        exe, cwd = procfs.executable(self._proc, self._identity.pid), _link(f"{self._own}/cwd")
        # Last: the kernel looks through all of its sockets for each table, which may take milliseconds.
        sockets = list(self._sockets(inodes)) if inodes else []
        found = Belongings(
            self._process,
            files=tuple(names[:MAX_FILES]),
            more_files=max(0, len(names) - MAX_FILES),
            sockets=tuple(sockets[:MAX_SOCKETS]),
            more_sockets=max(0, len(sockets) - MAX_SOCKETS),
            parents=chain,
            exe=exe,
            cwd=cwd,
        )
        try:
            same = procfs.stat(self._proc, self._identity.pid).start_ticks == self._identity.start_ticks
        except ProcessGone:
            same = False
        return replace(found, why=self._why) if same else Belongings(self._process, why=_GONE)

    def _open(self) -> tuple[list[str], set[int]]:
        """The names of what it has open, each once, and the inodes of its sockets."""
        names: dict[str, None] = {}
        inodes: set[int] = set()
        try:
            numbers = os.listdir(f"{self._own}/fd")
        except OSError as error:
            self._why = f"this user may not see what it has open ({error.strerror})"
            return [], inodes
        for count, number in enumerate(numbers):
            if count >= _FDS or (count % 32 == 31 and self._late()):
                self._why = _NO_TIME
                break
            name = _link(f"{self._own}/fd/{number}")
            found = None if name is None else _SOCKET.fullmatch(name)
            if found is not None:
                inodes.add(int(found[1]))
            elif name is not None and not name.startswith(_NAMELESS):
                names[name] = None
        return list(names), inodes

    def _sockets(self, inodes: set[int]) -> Iterator[Endpoint]:
        left = set(inodes)
        for table in _TABLES:
            if not left or self._late():
                return
            try:
                raw = _read(f"{self._own}/net/{table}")
            except OSError:
                continue
            for line in raw.splitlines()[1:]:
                columns = line.split()
                if len(columns) > 9 and columns[9].isdigit() and int(columns[9]) in left:
                    left.remove(int(columns[9]))
                    yield _endpoint(table, columns)

    def _late(self) -> bool:
        if time.monotonic() < self._end:
            return False
        self._why = _NO_TIME
        return True


def _endpoint(table: str, columns: list[bytes]) -> Endpoint:
    protocol = table.removesuffix("6")
    state = _STATES.get(int(columns[3], 16), "unknown") if protocol == "tcp" else "open"
    remote = _address(columns[2])
    return Endpoint(protocol, _address(columns[1]), None if remote.endswith(":0") else remote, state)


def _address(told: bytes) -> str:
    """An address as the kernel prints it: each 32-bit word as a number of this machine's, then the port."""
    words, _, port = told.partition(b":")
    raw = bytes.fromhex(words.decode("ascii"))
    in_order = b"".join(_word(raw[at : at + 4]) for at in range(0, len(raw), 4))
    if len(raw) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, in_order)}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, in_order)}]:{int(port, 16)}"


def _word(printed: bytes) -> bytes:
    """The bytes of a word as they were in memory: it was printed as a number."""
    return int.from_bytes(printed, "big").to_bytes(4, sys.byteorder)


def _read(path: str) -> bytes:
    """The beginning of a table; the kernel gives it a page at a time."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts, size = [], 0
        while size < _NET_BYTES and (part := os.read(fd, 1 << 16)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def _link(path: str) -> str | None:
    """Where a link of /proc leads, as text that any log can take."""
    try:
        return os.readlink(os.fsencode(path)).decode("utf-8", "replace")
    except OSError:
        return None
