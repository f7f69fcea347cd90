"""What there is to know about a process in /proc, read while it is certainly the same process.

Files are opened at once and hashed later: a descriptor from /proc/PID/exe stays the very inode that runs, also
where the process ends, the file is deleted, or another mount namespace shows another file at its path.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

from camguard.core.details import Parent
from camguard.core.model import ProcessIdentity
from camguard.errors import ProcessGone
from camguard.platform.linux import procfs, sandbox
from camguard.platform.linux.groups import paths
from camguard.platform.linux.hashing import open_regular
from camguard.platform.linux.origin import seen, upgraded
from camguard.platform.linux.sandbox import FlatpakClaim

DELETED = "deleted"
UPGRADED = "replaced by an upgrade of its package"
MISPLACED = "not the file at its path"
UNREADABLE = "cannot be read"
_PARENTS, _NEAR = 16, 2
_LONG_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that a process runs, open as `fd`. `note` says what is odd about it, None where it is genuine."""

    path: str
    fd: int
    note: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read of one process; `exe` is None where this user may not read it.

    `path` is what the kernel calls it all the same. `script` is what the command line calls it, `script_file` the file
    it was found to be. `parents` are the nearest, which may end with it; `further` are the others, read when they are
    asked for. `groups` are the process's control groups, `flatpak` and `image` what it says that it is.
    """

    command: tuple[str, ...]
    parents: tuple[Parent, ...]
    further: Iterator[Parent]
    groups: tuple[str, ...]
    path: str | None
    exe: OpenFile | None
    script: str | None
    script_file: OpenFile | None
    flatpak: FlatpakClaim | None = None
    image: OpenFile | None = None


def gather(proc: str, identity: ProcessIdentity, uid: int | None, stack: ExitStack) -> Evidence:
    """Read what there is about a process; its files are closed with `stack`.

    Raises ProcessGone where it is gone, was replaced by another, or started another program meanwhile.
    """
    pid = identity.pid
    link = procfs.executable(proc, pid)
    exe = None if link is None else _running(proc, pid, link, stack)
    script = procfs.script(proc, pid, link)
    script_file = None if script is None or link is None else _script_file(proc, pid, uid, script, link, stack)
    chain = parents(proc, pid)
    near = tuple(islice(chain, _NEAR))
    evidence = Evidence(
        procfs.command(proc, pid),
        near,
        chain,
        groups(proc, pid),
        link,
        exe,
        script,
        script_file,
        sandbox.flatpak(proc, pid, stack),
        _image(proc, pid, uid, link, stack),
    )
    if procfs.stat(proc, pid).start_ticks != identity.start_ticks or procfs.executable(proc, pid) != link:
        raise ProcessGone(f"process {pid} is not the same any more")
    return evidence


def open_file(path: str, stack: ExitStack) -> OpenFile | None:
    """A regular file at a path free of symbolic links, for what it would be if it were run."""
    return _open(path, path, stack)


def _open(way: str, path: str, stack: ExitStack) -> OpenFile | None:
    fd = open_regular(way)
    if fd is None:
        return None
    stack.callback(os.close, fd)
    return OpenFile(path.removesuffix(procfs.DELETED), fd, _note(path, fd))


def _running(proc: str, pid: int, path: str, stack: ExitStack) -> OpenFile | None:
    file = _open(f"{proc}/{pid}/exe", path, stack)
    if file is None or file.note != DELETED or not upgraded(proc, pid, file.path, os.fstat(file.fd)):
        return file
    return OpenFile(file.path, file.fd, UPGRADED)


def _note(path: str, fd: int) -> str | None:
    """What is odd about a file that is said to be at `path`."""
    running = os.fstat(fd)
    there = seen(path)
    if there is not None and (there.st_dev, there.st_ino) == (running.st_dev, running.st_ino):
        return None
    return DELETED if path.endswith(procfs.DELETED) else MISPLACED


def _script_file(proc: str, pid: int, uid: int | None, script: str, exe: str, stack: ExitStack) -> OpenFile | None:
    for path in _script_paths(proc, pid, script, exe):
        found = _open(f"{proc}/{pid}/root{path}", path, stack)
        if found is not None and _may_read(proc, pid, uid, os.fstat(found.fd)):
            return _without_links(found)
    return None


def _image(proc: str, pid: int, uid: int | None, exe: str | None, stack: ExitStack) -> OpenFile | None:
    found = sandbox.image(proc, pid, exe, stack)
    if found is None or _note(found.path, found.fd) is not None or not _may_read(proc, pid, uid, os.fstat(found.fd)):
        return None
    return OpenFile(found.path, found.fd, None)


def _without_links(file: OpenFile) -> OpenFile:
    """The file under its own path, where it was reached by symbolic links: one script is one app."""
    path = os.readlink(f"/proc/self/fd/{file.fd}")
    return OpenFile(path, file.fd, None) if file.note is None and _note(path, file.fd) is None else file


def _may_read(proc: str, pid: int, uid: int | None, found: os.stat_result) -> bool:
    """Whether the process's user may read a file: nobody is told the hash of a closed file by "running" it."""
    if uid in {0, found.st_uid} or found.st_mode & stat.S_IROTH:
        return True
    return bool(found.st_mode & stat.S_IRGRP) and found.st_gid in _groups(proc, pid)


def _groups(proc: str, pid: int) -> set[int]:
    try:
        lines = procfs.read(f"{proc}/{pid}/status", _LONG_BYTES).splitlines()
    except OSError:
        return set()
    return {int(number) for line in lines if line.startswith((b"Gid:", b"Groups:")) for number in line.split()[1:]}


def _script_paths(proc: str, pid: int, script: str, exe: str) -> Iterator[str]:
    """Where a script's file may be, in the order in which an interpreter would look."""
    if script.startswith("/"):
        yield script
        yield f"{script}/__main__.py"
    module = script.removeprefix("-m ")
    if module == script or not re.fullmatch(r"\w+(?:\.\w+)*", module):
        return
    for folder in _module_folders(proc, pid, exe):
        base = f"{folder.rstrip('/')}/{module.replace('.', '/')}"
        yield f"{base}.py"
        yield f"{base}/__main__.py"


def _module_folders(proc: str, pid: int, exe: str) -> Iterator[str]:
    """Where Python finds a module to run: where it was started, its virtual environment, its own library."""
    try:
        yield os.readlink(f"{proc}/{pid}/cwd")
    except OSError:
        return
    version = os.path.basename(exe.removesuffix(procfs.DELETED))
    started_as = next(iter(procfs.command(proc, pid)), "")
    prefixes = [os.path.dirname(os.path.dirname(path)) for path in (started_as, exe) if path.startswith("/")]
    for prefix in dict.fromkeys(prefixes):
        library = f"{prefix}/lib/{version}"
        yield from (library, f"{library}/site-packages", f"{prefix}/lib/python3/dist-packages")


def parents(proc: str, pid: int) -> Iterator[Parent]:
    """The parent chain, nearest first, up to process 1 or sixteen links; each is read when it is asked for."""
    try:
        child = procfs.stat(proc, pid)
        for _ in range(_PARENTS):
            if child.parent <= 0:
                return
            parent = procfs.stat(proc, child.parent)
            if parent.start_ticks > child.start_ticks:  # the parent is gone and its pid belongs to another
                return
            yield Parent(child.parent, parent.name, procfs.executable(proc, child.parent))
            child = parent
    except ProcessGone:
        return


def groups(proc: str, pid: int) -> tuple[str, ...]:
    """The control groups of a process; nothing where it is gone."""
    try:
        return paths(procfs.read(f"{proc}/{pid}/cgroup", _LONG_BYTES).decode("utf-8", "replace"))
    except OSError:
        return ()
