"""Who holds a camera: every descriptor of every process compared by device number, never by path.

The number catches a node reached by a symbolic link, a bind mount or a copy made with mknod. It is asked for by
statx(2) with AT_STATX_DONT_SYNC, which answers from what the kernel has at hand: a dead network mount, or a FUSE
file system whose server never answers, cannot hold a scan up, and no text has to be trusted first.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import struct
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from camguard.core.model import Node, Process
from camguard.errors import ProcessGone
from camguard.platform.linux.procfs import ProcessReader, read

MANY = 4096
"""More descriptors than this are not looked through while something else waits."""

_HANDFUL, _PAUSE_S = 8, 0.00005
_DONT_SYNC = 0x4000
_TYPE_AND_INODE = 0x1 | 0x100
_BUFFER = 256
_FIELDS = struct.Struct("=28xH2xQ88xIIII")  # stx_mode, stx_ino, stx_rdev_major, _minor, stx_dev_major, _minor
_MAPS_LIMIT = 1 << 24
_SHARED = re.compile(rb"^\S+ [r-][w-][x-]s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$", re.MULTILINE)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.statx.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
_statx = _libc.statx


@dataclass(frozen=True, slots=True)
class Grip:
    """One process's hold on one node: by `descriptors`, by a shared mapping of its buffers, or by both.

    `writes_only` where there is nothing but descriptors by which it can only write.
    """

    process: Process
    node: Node
    descriptors: frozenset[str]
    mapped: bool
    writes_only: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """All grips that could be seen. `hidden`: there may be processes that could not be looked into.

    `cpu_ns` is what the scan cost in processor time, `ended_ns` when it was over (CLOCK_BOOTTIME).
    """

    grips: tuple[Grip, ...]
    hidden: bool
    cpu_ns: int
    ended_ns: int


class _Probe:
    """Tells which node, if any, a descriptor belongs to. Not for use from two threads."""

    def __init__(self, nodes: Collection[Node]) -> None:
        self._devices = {node.number: node for node in nodes if not node.pretend}
        self._files = {node.number: node for node in nodes if node.pretend}
        self._buffer = ctypes.create_string_buffer(_BUFFER)
        self._address = ctypes.addressof(self._buffer)
        self.denied = False

    def find(self, folder: int, name: str) -> tuple[Node, tuple[int, int]] | None:
        """The node and the inode (device, number) behind the descriptor `name` of a /proc/PID/fd folder."""
        if _statx(folder, name.encode(), _DONT_SYNC, _TYPE_AND_INODE, self._address) != 0:
            self.denied |= ctypes.get_errno() not in _GONE
            return None
        mode, inode, major, minor, dev_major, dev_minor = _FIELDS.unpack_from(self._buffer)
        if stat.S_IFMT(mode) == stat.S_IFCHR:
            node = self._devices.get((major, minor))
        elif self._files:
            node = self._files.get((os.makedev(dev_major, dev_minor), inode))
        else:
            return None
        return None if node is None else (node, (os.makedev(dev_major, dev_minor), inode))


_GONE = (2, 3)  # ENOENT, ESRCH


class HolderFinder:
    """Finds the holders of nodes; any number of threads may ask at once."""

    def __init__(self, reader: ProcessReader) -> None:
        self._reader = reader
        self._proc = reader.proc
        self._own_pid = os.getpid()

    def scan(
        self,
        nodes: Collection[Node],
        suspects: Collection[int] = (),
        *,
        mappings: bool = False,
        met: Callable[[tuple[Grip, ...]], None] | None = None,
        unhurried: bool = False,
    ) -> Scan:
        """Look at every process; at `suspects` with care. `mappings` also finds who kept nothing but a mapping.

        The newest are looked at first, since who has just opened a camera has often just begun; `met` is told of
        each process that holds one as soon as it was come across, long before the scan is over. `unhurried` lets
        others have the interpreter between one handful of processes and the next.
        """
        begun = time.thread_time_ns()
        probe = _Probe(nodes)
        texts = tuple(_maps_text(node) for node in nodes) if mappings else ()
        grips: list[Grip] = []
        hidden = _others_are_hidden(self._proc)
        seen_init = False
        for name in reversed(os.listdir(self._proc)) if nodes else ():
            if not name.isdigit():
                continue
            pid = int(name)
            seen_init |= pid == 1
            if pid == self._own_pid:
                continue
            if unhurried and pid % _HANDFUL == 0:
                # A thread of short system calls never lets another in for long enough, short of a sleep.
                time.sleep(_PAUSE_S)
            if pid in suspects or self._might_hold(name, probe, texts):
                found = self.look(pid, nodes, careful=True) or ()
                grips += found
                if found and met is not None:
                    met(found)
        hidden = hidden or probe.denied or not seen_init
        ended_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return Scan(tuple(grips), hidden, time.thread_time_ns() - begun, ended_ns)

    def look(
        self, pid: int, nodes: Collection[Node], *, limit: int | None = None, careful: bool = False
    ) -> tuple[Grip, ...] | None:
        """How one process holds the nodes, with its facts as they are now; empty where it does not, or is gone.

        None where it has more than `limit` descriptors. `careful` looks at threads that keep descriptors of
        their own too, and at all of them where the main thread has ended.
        """
        try:
            folder = os.open(f"{self._proc}/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return ()
        try:
            return self._look(pid, folder, nodes, limit, careful)
        except (OSError, ProcessGone):
            return ()
        finally:
            os.close(folder)

    def _look(
        self, pid: int, folder: int, nodes: Collection[Node], limit: int | None, careful: bool
    ) -> tuple[Grip, ...] | None:
        probe = _Probe(nodes)
        held: dict[Node, set[str]] = {}
        reads: set[Node] = set()
        inodes: dict[tuple[int, int], Node] = {node.number: node for node in nodes if node.pretend}
        for table in self._tables(folder, careful):
            names = _list(folder, table)
            if limit is not None and len(names) > limit:
                return None
            self._search(folder, table, names, probe, held, reads, inodes)
            if held:
                break
        mapped = _mapped(folder, nodes, inodes)
        if not held and not mapped:
            return ()
        process = self._reader.process(pid)
        # The folder answers only while its process is there: all that was read is this process's own.
        os.stat("stat", dir_fd=folder)
        return tuple(
            Grip(process, node, frozenset(held.get(node, ())), node in mapped, node not in reads and node not in mapped)
            for node in nodes
            if node in held or node in mapped
        )

    def _search(
        self,
        folder: int,
        table: str,
        names: list[str],
        probe: _Probe,
        held: dict[Node, set[str]],
        reads: set[Node],
        inodes: dict[tuple[int, int], Node],
    ) -> None:
        fds = os.open(table, _FOLDER, dir_fd=folder)
        try:
            for name in names:
                match = probe.find(fds, name)
                if match is None or (access := _access(folder, table, name)) is None:
                    continue
                held.setdefault(match[0], set()).add(name)
                inodes[match[1]] = match[0]
                if access != os.O_WRONLY:
                    reads.add(match[0])
        finally:
            os.close(fds)

    def _tables(self, folder: int, careful: bool) -> Iterator[str]:
        yield "fd"
        if careful:
            with suppress(OSError):  # gone meanwhile
                for thread in _list(folder, "task"):
                    yield f"task/{thread}/fd"

    def _might_hold(self, pid: str, probe: _Probe, texts: tuple[bytes, ...]) -> bool:
        """The quick look that nearly every process gets, and nothing more."""
        try:
            folder = os.open(f"{self._proc}/{pid}/fd", _FOLDER)
        except PermissionError:
            probe.denied = True
            return False
        except OSError:
            return False  # gone meanwhile
        try:
            names = os.listdir(folder)
            for name in names:
                if probe.find(folder, name) is not None:
                    return True
        except OSError:
            return False
        finally:
            os.close(folder)
        if not names:
            return self._lives_without_main_thread(pid)
        return bool(texts) and self._mentions(pid, texts)

    def _lives_without_main_thread(self, pid: str) -> bool:
        """Whether a process without descriptors (a kernel thread, as a rule) has threads that may have some."""
        try:
            return os.stat(f"{self._proc}/{pid}/task").st_nlink > 3  # ., .., the main thread, and another
        except OSError:
            return False

    def _mentions(self, pid: str, texts: tuple[bytes, ...]) -> bool:
        try:
            maps = _whole(f"{self._proc}/{pid}/maps", None)
        except OSError:
            return False
        return any(text in maps for text in texts)


def _list(folder: int, name: str) -> list[str]:
    fd = os.open(name, _FOLDER, dir_fd=folder)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _access(folder: int, table: str, name: str) -> int | None:
    """What a descriptor was opened for (open(2)); None for one made with O_PATH, which only names the node."""
    info = read(f"{table}info/{name}", dir_fd=folder)
    found = re.search(rb"^flags:\s*([0-7]+)$", info, re.MULTILINE)
    flags = os.O_RDWR if found is None else int(found[1], 8)
    return None if flags & os.O_PATH else flags & os.O_ACCMODE


def _maps_text(node: Node) -> bytes:
    """How /proc/PID/maps writes the path of a node: a line feed would end the line."""
    return os.fsencode(node.path).replace(b"\n", b"\\012")


def _mapped(folder: int, nodes: Collection[Node], inodes: dict[tuple[int, int], Node]) -> set[Node]:
    """Which nodes' buffers are mapped shared: by the inode, or by the path where a file system tells two numbers."""
    try:
        maps = _whole("maps", folder)
    except OSError:
        return set()
    paths = {_maps_text(node): node for node in nodes}
    found = set()
    for major, minor, inode, path in _SHARED.findall(maps):
        node = inodes.get((os.makedev(int(major, 16), int(minor, 16)), int(inode))) or paths.get(path)
        if node is not None:
            found.add(node)
    return found


def _whole(path: str, folder: int | None) -> bytes:
    """All of a file of /proc, which hands over a page at a time."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        parts = []
        left = _MAPS_LIMIT
        while left > 0 and (part := os.read(fd, 1 << 16)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def _others_are_hidden(proc: str) -> bool:
    """Whether there are processes outside our pid namespace, which no /proc shows us."""
    try:
        return os.readlink(f"{proc}/self/ns/pid") != _INITIAL_PID_NAMESPACE
    except OSError:
        return True
