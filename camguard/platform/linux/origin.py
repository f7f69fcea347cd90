"""Where the program of a process comes from: what of it would make a person wonder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from camguard.core.context import Origin
from camguard.core.details import Parent
from camguard.core.model import NANOSECONDS
from camguard.platform.linux import procfs
from camguard.platform.linux.packages import Package
from camguard.platform.linux.protected import only_roots

_RUNTIME = "/run/user/"
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", _RUNTIME)  # noqa: S108 - nothing is written there
"""What is below these is gone after a while, or with the session. A folder for downloads is not among them: a person
puts programs there, and its user alone."""

_MOUNTED = "/tmp/.mount_"  # noqa: S108 - where AppImages are mounted

_CLOCK_STEP_NS = 2 * NANOSECONDS
"""By how much the start of a process may seem to be off, since it is told in seconds since boot."""


def upgraded(proc: str, pid: int, path: str, running: os.stat_result) -> bool:
    """Whether a file that runs is gone from `path` because its package was upgraded: everyday, and root's doing.

    Its last name was taken from a file of root's, in the view of files that the whole machine has: in one of his own a
    user may give any file any path.
    """
    if running.st_nlink or not only_roots(running) or not _same_view(proc, pid):
        return False
    there, folder = seen(path), seen(os.path.dirname(path))
    return there is not None and folder is not None and only_roots(there) and only_roots(folder)


def public_folder(path: str) -> str | None:
    """The folder in which anybody may have put a file of this path, or which is emptied by itself; None where none is.

    By the real permissions, from the top down, as the machine sees them.
    """
    if path.startswith(_MOUNTED) and _is_mount(path):
        return None
    for start in TEMPORARY:
        if path.startswith(start):
            return "/".join(path.split("/")[:4]) if start == _RUNTIME else start.rstrip("/")
    folder = os.path.dirname(path)
    chain = [folder]
    while folder not in {"/", ""}:
        folder = os.path.dirname(folder)
        chain.append(folder)
    for folder in reversed(chain):
        found = seen(folder)
        if found is not None and found.st_mode & stat.S_IWOTH:
            return folder
    return None


def changed_since(found: os.stat_result, started_utc_ns: int | None) -> bool | None:
    """Whether a script's file was put there or changed after the process began: what it read may be another."""
    if started_utc_ns is None:
        return None
    return found.st_ctime_ns > started_utc_ns + _CLOCK_STEP_NS


def installed(package: Package | None, found: os.stat_result) -> Origin:
    """When a file came to be there: its package's time, else when the file itself was last changed (st_ctime)."""
    if package is not None and package.installed_utc_ns is not None:
        return Origin(installed_utc_ns=package.installed_utc_ns, by_package=True)
    return Origin(installed_utc_ns=found.st_ctime_ns)


def starter(proc: str, parents: Iterable[Parent]) -> Origin:
    """What there is to say of who started a process: its parent, or who started the shell that this is.

    Nobody can vouch for one whose own file, or script, is gone or where anybody may put one. Whoever may not be looked
    at, as another user's program, is not known.
    """
    for parent in parents:
        script = procfs.script(proc, parent.pid, parent.exe)
        if script is None and parent.exe is not None and procfs.is_interpreter(parent.exe):
            continue
        unknown = _unknown(proc, parent, script)
        return Origin(unknown_parent=unknown, parent=os.path.basename(script or "") or parent.name if unknown else None)
    return Origin()


def _unknown(proc: str, parent: Parent, script: str | None) -> bool | None:
    if parent.exe is None:
        return None
    path = parent.exe.removesuffix(procfs.DELETED)
    if public_folder(path) is not None or (script is not None and public_folder(script) is not None):
        return True
    try:
        running = os.stat(f"{proc}/{parent.pid}/exe")
    except OSError:
        return None
    return running.st_nlink == 0 and not upgraded(proc, parent.pid, path, running)


def _is_mount(path: str) -> bool:
    """Whether the first folder in /tmp is one of a file system in user space, which even root may not look into."""
    top = seen(os.path.dirname(_MOUNTED))
    found = seen("/".join(path.split("/")[:3]))
    return found is None or top is None or found.st_dev != top.st_dev


def _same_view(proc: str, pid: int) -> bool:
    """Whether a process sees the files that the machine does; what cannot be read is taken for another view."""
    try:
        own = os.stat(f"{proc}/{pid}/ns/mnt")
    except OSError:
        return False
    for other in ("1", "self"):  # a guard in a view of its own can see that of process 1, or none
        try:
            found = os.stat(f"{proc}/{other}/ns/mnt")
        except OSError:
            continue
        return (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino)
    return False


def seen(path: str) -> os.stat_result | None:
    """What is at a path as the machine sees it, whatever is hidden from this process; else as seen from here."""
    for place in (f"/proc/1/root{path}", path):
        try:
            return os.stat(place)
        except (OSError, ValueError):
            continue
    return None
