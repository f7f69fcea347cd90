"""Running one hook: the event on its standard input, little around it, and an end for it and all that it began."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from camguard.hooks.settings import Hook

KEPT_BYTES = 4096
"""So much is kept of what a hook prints; the rest is read and forgotten."""

_READ_BYTES = 16 * 1024
_LOOK_S = 0.01
_PATIENCE_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_SESSION = ("HOME", "USER", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")
"""What programs need that show something to the user whose guard this is."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run.

    `code` is the exit code, minus the signal's number where one ended it, None where it could not be started. `output`
    is the beginning of what it printed.
    """

    code: int | None
    output: str
    seconds: float
    too_long: bool = False
    why: str | None = None

    @property
    def well(self) -> bool:
        """Whether it did what it was for, as far as it says itself."""
        return self.code == 0 and not self.too_long

    @property
    def sentence(self) -> str:
        """What came of it, without what it printed."""
        if self.why is not None:
            return f"could not be run: {self.why}"
        if self.too_long:
            return f"was ended, with all that it began: it took longer than it may ({self.seconds:.1f} s)"
        if self.code is not None and self.code < 0:
            return f"was ended by signal {-self.code} after {self.seconds:.1f} s"
        return f"ended with exit code {self.code} after {self.seconds:.1f} s"


def adopt_orphans() -> None:
    """Have what outlives a hook handed to this process, which ends it. Call it once, where nothing else is started."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def runs_as() -> int:
    """The user id that hooks run as which this process begins."""
    user, _, _ = _rights()
    return os.geteuid() if user is None else user


def environment(hook: Hook, kind: str, own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All that a hook finds in its environment: of a user's session what is needed to show something there."""
    session = {} if _as_system() else {name: own[name] for name in _SESSION if name in own}
    return {**_SYSTEM, **session, "CAMGUARD_HOOK": hook.name, "CAMGUARD_EVENT": kind}


class Hands:
    """Runs hooks. One for a process, which has no other children."""

    def __init__(self) -> None:
        self._mains: set[int] = set()
        self._births = asyncio.Lock()  # what was just born is known before anybody looks for orphans

    async def run(self, hook: Hook, kind: str, event: bytes) -> Ran:
        """Run a hook to its end, or to the end of its time; what it left behind is ended then, too."""
        began = time.monotonic()
        try:
            process = await self._begin(hook, kind)
        except OSError as error:
            return Ran(None, "", time.monotonic() - began, why=error.strerror or str(error))
        told = asyncio.create_task(_tell(process, event))
        heard = asyncio.create_task(_hear(process))
        too_long = False
        try:
            async with asyncio.timeout(hook.timeout_ns / 1e9):
                await _over(process.pid)
        except TimeoutError:
            too_long = True
        finally:
            await self._end(process)
            told.cancel()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await process.wait()
                output = (await heard).decode("utf-8", "replace")
        except TimeoutError:
            return Ran(None, "", time.monotonic() - began, too_long, "what it began cannot be ended")
        return Ran(process.returncode, output, time.monotonic() - began, too_long)

    async def _begin(self, hook: Hook, kind: str) -> asyncio.subprocess.Process:
        user, group, groups = _rights()
        async with self._births:
            process = await asyncio.create_subprocess_exec(
                *hook.run,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment(hook, kind),
                cwd="/",
                start_new_session=True,
                umask=0o077,
                user=user,
                group=group,
                extra_groups=groups,
            )
            self._mains.add(process.pid)
            return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Kill it where it runs still, then whatever it began: its children come to this process when it ends."""
        for one in _family(process.pid) if process.returncode is None else ():
            _kill(one)
        await _over(process.pid)
        end = time.monotonic() + _PATIENCE_S
        async with self._births:
            self._mains.discard(process.pid)
            while (orphans := self._orphans()) and time.monotonic() < end:
                for orphan in orphans:
                    _bury(orphan)
                await asyncio.sleep(_LOOK_S)

    def _orphans(self) -> list[int]:
        """Children of this process, and theirs, that no hook which runs is the parent of."""
        direct = [child.pid for child in psutil.Process().children() if child.pid not in self._mains]
        return [pid for child in direct for pid in _family(child)]


async def _over(pid: int) -> None:
    """Wait until a child has ended, whoever keeps its output open: asyncio's own wait() is for both."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _tell(process: asyncio.subprocess.Process, event: bytes) -> None:
    """Hand the event over; a hook need not read it."""
    if process.stdin is None:
        raise AssertionError("it was started with a pipe")
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(event)
        await process.stdin.drain()
    process.stdin.close()


async def _hear(process: asyncio.subprocess.Process) -> bytes:
    """The beginning of what it prints, until nobody is left who could print more."""
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    kept = b""
    while said := await process.stdout.read(_READ_BYTES):
        kept = (kept + said)[:KEPT_BYTES]
    return kept


def _family(pid: int) -> list[int]:
    """A process and all that descend from it, as far as they still do."""
    with suppress(psutil.Error):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


def _bury(pid: int) -> None:
    _kill(pid)
    with suppress(ChildProcessError):  # not a child of this process, or not yet
        os.waitpid(pid, os.WNOHANG)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _as_system() -> bool:
    """Whether this runs for the machine and not for a person: as root, or as a user that a unit made for it."""
    return os.geteuid() == 0 or "RUNTIME_DIRECTORY" in os.environ


def _rights() -> tuple[int | None, int | None, list[int] | None]:
    """User, group and groups of a hook, None for those of this process. Root runs no hook as root."""
    if os.geteuid() != 0:
        return None, None, None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid, []
