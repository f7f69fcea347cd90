"""What a process says of the sandbox or image that it runs in, and what of that the files prove.

Anybody may make a mount namespace with any files in it, ``/.flatpak-info`` among them, and set any environment. So
what is read there is a claim. A Flatpak's is proven by the file that runs: it is the very file (device and inode, which
the kernel tells) that lies in root's own installation of that Flatpak. An AppImage cannot be proven: nothing ties
the mounted files to the image, and a user may mount others in the same manner.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from dataclasses import dataclass

from camguard import desktopentry
from camguard.platform.linux import procfs
from camguard.platform.linux.hashing import open_regular
from camguard.platform.linux.protected import is_systems_own

INSTALLATION = "/var/lib/flatpak"
"""Where Flatpaks for the whole machine are; see flatpak-installation(5)."""

_INFO_BYTES = 64 * 1024
_ENVIRON_BYTES = 256 * 1024
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+")
_APP = re.compile(r"/app/([^/]+)/[^/]+/[^/]+/[0-9a-f]{64}/files")
_RUNTIME = re.compile(r"/runtime/([^/]+)/[^/]+/[^/]+/[0-9a-f]{64}/files")
_MOUNTED = re.compile(r"/tmp/\.mount_[^/]+/.+")  # noqa: S108 - nothing is written there
_NEW_ROOT = "/newroot"  # where the sandbox is built, before it becomes the root
_MAGIC_AT, _MAGIC = 8, b"AI"


@dataclass(frozen=True, slots=True)
class FlatpakClaim:
    """What ``/.flatpak-info`` says: the app's id, and where on the machine its files and its runtime's lie."""

    id: str
    files: str | None
    runtime: str | None


@dataclass(frozen=True, slots=True)
class Image:
    """The AppImage that a process says it is from, open as `fd`."""

    path: str
    fd: int


def flatpak(proc: str, pid: int, stack: ExitStack) -> FlatpakClaim | None:
    """What the process's root says, where that is another than the machine's."""
    if not _apart(proc, pid):
        return None
    fd = open_regular(f"{proc}/{pid}/root/.flatpak-info", follow=False)
    if fd is None:
        return None
    stack.callback(os.close, fd)
    try:
        text = os.read(fd, _INFO_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    return flatpak_claim(text)


def flatpak_claim(text: str) -> FlatpakClaim | None:
    """What a ``.flatpak-info`` says (flatpak-metadata(5)); None where it names no app."""
    name = desktopentry.values(text, "Application").get("name", "")
    if len(name) > 255 or _ID.fullmatch(name) is None:
        return None
    instance = desktopentry.values(text, "Instance")
    return FlatpakClaim(name, instance.get("app-path"), instance.get("runtime-path"))


def claim_of(path: str, installation: str = INSTALLATION) -> FlatpakClaim | None:
    """What a file of a Flatpak that is installed for the machine would be claimed to be when it is run."""
    top, found, _ = path.partition("/files/")
    files = f"{top}/files"
    id_ = _installed(files, _APP, installation) if found else None
    return None if id_ is None else FlatpakClaim(id_, files, None)


def deployed(claim: FlatpakClaim, path: str, running: os.stat_result, installation: str = INSTALLATION) -> str | None:
    """Where in root's installation of that very Flatpak the file lies that runs as `path`; None where it does not.

    The answer stays the same from one version of the app to the next.
    """
    found = _installed(claim.files, _APP, installation)
    if claim.files is None or found != claim.id:
        return None
    below = _below(claim.files, "/app/", path, running)
    return None if below is None else f"{installation}/app/{claim.id}/current/active/files/{below}"


def of_runtime(claim: FlatpakClaim, path: str, running: os.stat_result, installation: str = INSTALLATION) -> bool:
    """Whether the file that runs as `path` lies in root's installation of the runtime that the Flatpak says it has."""
    if claim.runtime is None or _installed(claim.runtime, _RUNTIME, installation) is None:
        return False
    return _below(claim.runtime, "/usr/", path, running) is not None


def _installed(files: str | None, form: re.Pattern[str], installation: str) -> str | None:
    """The id of that of which these are the files in the installation; None where they are none, or are elsewhere."""
    if not files or not files.isprintable() or not files.startswith(f"{installation}/"):
        return None
    found = form.fullmatch(files.removeprefix(installation))
    return found[1] if found is not None and os.path.realpath(files) == files else None


def _below(files: str, seen_at: str, path: str, running: os.stat_result) -> str | None:
    """Where below `files` the file lies that the sandbox has below `seen_at`, if it is the very file, and root's."""
    path = path.removeprefix(_NEW_ROOT)
    below = next((path.removeprefix(top) for top in (seen_at, f"{files}/") if path.startswith(top)), None)
    if below is None:
        return None
    real = os.path.realpath(f"{files}/{below}")
    if not real.startswith(f"{files}/") or not is_systems_own(real, running):
        return None
    return real.removeprefix(f"{files}/")


def image(proc: str, pid: int, exe: str | None, stack: ExitStack) -> Image | None:
    """The AppImage that the environment names, for a program that runs from where AppImages are mounted."""
    if exe is None or _MOUNTED.fullmatch(exe) is None:
        return None
    try:
        environ = procfs.read(f"{proc}/{pid}/environ", _ENVIRON_BYTES)
    except OSError:
        return None
    named = next((each[9:] for each in environ.split(b"\0") if each.startswith(b"APPIMAGE=")), b"")
    path = named.decode("utf-8", "replace")
    if not path.startswith("/") or os.path.realpath(path) != path:
        return None
    fd = open_regular(f"{proc}/{pid}/root{path}")  # the guard may have folders of its own in place of the machine's
    if fd is None:
        return None
    stack.callback(os.close, fd)
    return Image(path, fd) if is_image(fd) else None


def is_image(fd: int) -> bool:
    """Whether an open file is an AppImage, as its own mark in the head of an ELF file says."""
    try:
        return os.pread(fd, len(_MAGIC), _MAGIC_AT) == _MAGIC
    except OSError:
        return False


def _apart(proc: str, pid: int) -> bool:
    """Whether the process has a mount namespace of its own (mount_namespaces(7)), as far as that can be told."""
    own = _namespace(proc, pid)
    return own is not None and own not in {_namespace(proc, 1), _namespace(proc, os.getpid())}


def _namespace(proc: str, pid: int) -> str | None:
    try:
        return os.readlink(f"{proc}/{pid}/ns/mnt")
    except OSError:
        return None
