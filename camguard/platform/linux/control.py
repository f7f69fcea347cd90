"""Ends one process: asked, waited for, killed, by a pidfd that no other process can slip under.

See pidfd_open(2) and pidfd_send_signal(2).
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from contextlib import closing

from camguard.core.model import Outcome, Process, ProcessIdentity, Result
from camguard.errors import AccessDenied, ProcessGone
from camguard.platform.ladder import Ladder
from camguard.platform.linux import procfs
from camguard.platform.linux.identity import user_name
from camguard.platform.linux.protected import is_systems_own, protection
from camguard.ports import Tell

PATIENCE_S = 3.0
_KILL_PATIENCE_S = 2.0
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD in the flags of /proc/PID/stat
_STUCK = {
    "D": "it waits in the kernel and cannot be interrupted; it ends when that wait does",
    "T": "it is stopped (SIGSTOP) and cannot react",
    "t": "it is held by a debugger and cannot react",
}


class LinuxControl:
    """Ends processes; blocking, and safe in several threads.

    `patience_s` is how long a process may take after SIGTERM. `others` lets root end other users' processes.
    """

    def __init__(self, proc: str = "/proc", *, patience_s: float = PATIENCE_S, others: bool = False) -> None:
        self._proc = proc
        self._boot_id = procfs.boot_id(proc)
        self._patience_s = patience_s
        self._others = others

    def objection(self, process: Process) -> str | None:
        """Why this process must not be ended, as a sentence; None where it may be.

        Of a process that is gone there is nothing to object to.
        """
        if process.identity is None:
            return "It is not known which process this was."
        pid = process.identity.pid
        try:
            now = procfs.stat(self._proc, pid)
            if now.start_ticks != process.identity.start_ticks:
                return None
            uid = os.stat(f"{self._proc}/{pid}").st_uid
        except (ProcessGone, OSError):
            return None
        return (
            self._kinship(pid) or _kernel(pid, now) or self._program(pid, now.name) or self._foreign(pid, now.name, uid)
        )

    def end(self, process: Process, tell: Tell, patience_s: float | None = None) -> Outcome:
        """End one process, and only that one: its children and parents are not touched."""
        patience_s = self._patience_s if patience_s is None else patience_s
        identity = process.identity
        if identity is None:
            return Outcome(Result.REFUSED, why=self.objection(process))
        try:
            handle = _Handle(os.pidfd_open(identity.pid))
        except ProcessLookupError:
            return Outcome(Result.GONE, why=f"Process {identity.pid} has already ended.")
        except OSError as error:
            return Outcome(Result.FAILED, why=_cannot_hold(identity.pid, error))
        with closing(handle):
            ladder = Ladder(identity.pid, tell)
            try:
                return self._climb(process, identity, handle, ladder, patience_s)
            except ProcessGone:
                if ladder.steps:  # it was asked to end, and did so when the patience was just over
                    return ladder.outcome(Result.ENDED)
                return ladder.outcome(Result.GONE, f"Process {identity.pid} has already ended.")
            except AccessDenied as error:
                return ladder.outcome(Result.REFUSED, str(error))

    def _climb(
        self, process: Process, identity: ProcessIdentity, handle: _Handle, ladder: Ladder, patience_s: float
    ) -> Outcome:
        for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, _KILL_PATIENCE_S)):
            self._check(identity, handle)
            objection = self.objection(process)  # on the second rung too: it may run another program by now
            if objection is not None:
                ladder.step("looked whether it may be ended", "it may not")
                return ladder.outcome(Result.REFUSED, objection)
            begun = time.monotonic()
            handle.send(number)
            if number == signal.SIGTERM:  # told afterwards: it has the camera until it was asked
                ladder.step("checked that it is still the same process", "it is")
            what = "asked it to end (SIGTERM)" if number == signal.SIGTERM else "killed it (SIGKILL)"
            if handle.ended(wait_s):
                ladder.step(what, f"ended after {time.monotonic() - begun:.1f} s")
                return ladder.outcome(Result.ENDED)
            ladder.step(what, f"still there after {wait_s:g} s{self._state(identity)}")
        return ladder.outcome(Result.FAILED, f"Process {identity.pid} did not end{self._state(identity)}.")

    def _check(self, identity: ProcessIdentity, handle: _Handle) -> None:
        """Make sure that the handle holds the process that is meant: only now can its pid not pass to another.

        Raises ProcessGone where it does not.
        """
        if handle.ended(0) or identity.boot_id != self._boot_id:
            raise ProcessGone(f"process {identity.pid} is gone")
        if procfs.stat(self._proc, identity.pid).start_ticks != identity.start_ticks:
            raise ProcessGone(f"pid {identity.pid} belongs to another process now")

    def _state(self, identity: ProcessIdentity) -> str:
        try:
            why = _STUCK.get(procfs.stat(self._proc, identity.pid).state)
        except ProcessGone:
            return ""
        return f": {why}" if why else ""

    def _kinship(self, pid: int) -> str | None:
        if pid == 1:
            return "Process 1 keeps the whole system running."
        if pid == os.getpid():
            return "This is camguard itself."
        above = os.getppid()
        seen = set()
        while above > 1 and above not in seen:
            if above == pid:
                return f"Process {pid} started camguard: ending it would end the guard."
            seen.add(above)
            try:
                above = procfs.stat(self._proc, above).parent
            except ProcessGone:
                break
        return None

    def _program(self, pid: int, name: str) -> str | None:
        """The objection that lies in what program it is."""
        exe = procfs.executable(self._proc, pid)
        if exe is None:
            why = protection(name)
            return why and (
                f"It calls itself {name}, which {why}, and whether it is cannot be checked as this user; ask as root."
            )
        base = os.path.basename(exe)
        why = protection(base)
        if why is None:
            return None
        try:
            running = os.stat(f"{self._proc}/{pid}/exe")
        except OSError:
            return None
        return f"{base} {why}." if is_systems_own(exe, running) else None

    def _foreign(self, pid: int, name: str, uid: int) -> str | None:
        own = os.geteuid()
        if uid == own or (own == 0 and self._others):
            return None
        return (
            f"Process {pid} ({name}) belongs to {user_name(uid)}: only an administrator may end it, and has to say so."
        )


def _kernel(pid: int, now: procfs.Stat) -> str | None:
    return f"Process {pid} is a part of the kernel." if now.flags & _KERNEL_THREAD else None


class _Handle:
    """A pidfd."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, number: signal.Signals) -> None:
        """Raises ProcessGone, or AccessDenied where the system forbids it."""
        try:
            signal.pidfd_send_signal(self._fd, number)
        except ProcessLookupError as error:
            raise ProcessGone("the process is gone") from error
        except PermissionError as error:
            raise AccessDenied("The system does not let this user end it; an administrator may.") from error

    def ended(self, within_s: float) -> bool:
        """Whether the process ends in time. One that waits for its parent to take note (a zombie) has ended."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(within_s * 1000))

    def close(self) -> None:
        os.close(self._fd)


def _cannot_hold(pid: int, error: OSError) -> str:
    if error.errno == errno.ENOSYS:
        return "This kernel has no pidfd (Linux 5.3 has): a process cannot be ended safely."
    return f"Process {pid} cannot be held on to: {os.strerror(error.errno or 0)}."
