"""Carries a plan out, step by step; where one fails, everything is put back as it was.

What the system raises becomes one of `camguard.errors` here.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from camguard.errors import AccessDenied, CamguardError, Refused
from camguard.install import systemd
from camguard.install.commands import run
from camguard.install.handback import hand_back
from camguard.install.model import Await, Clear, Delete, Folder, HandBack, Link, Move, Plan, Run, Step, Write

Tell = Callable[[Step], None]
"""Is called with each step before it is done."""
Complain = Callable[[str], None]
"""Is called with a sentence about what went wrong and ends nothing."""


def carry_out(plan: Plan, tell: Tell, complain: Complain) -> None:
    """Do what a plan says.

    Raises AccessDenied, Refused or CommandFailed with what to do next; where the plan is one to be undone, nothing of
    it is left then.
    """
    with ExitStack() as undo:
        try:
            for step in plan.steps:
                tell(step)
                _do(step, undo, complain)
        except BaseException:
            if not plan.undone:
                undo.pop_all()
                raise
            _try_each(plan.retreat, complain)
            _undo(undo, complain)
            _try_each(plan.rescue, complain)
            raise
        undo.pop_all()
    _try_each(plan.tidy, complain, tell)


def _undo(changes: ExitStack, complain: Complain) -> None:
    try:
        changes.close()
    except OSError as error:  # the rest was undone nevertheless
        complain(f"not everything could be put back: {_understood(error)}")


def _try_each(steps: tuple[Step, ...], complain: Complain, tell: Tell | None = None) -> None:
    for step in steps:
        if tell is not None:
            tell(step)
        try:
            with ExitStack() as unused:
                _do(step, unused, complain)
                unused.pop_all()
        except CamguardError as error:
            complain(str(error))


def _do(step: Step, undo: ExitStack, complain: Complain) -> None:
    match step:
        case Run():
            run(step.argv)
        case Await():
            systemd.wait_active(step.unit)
        case HandBack():
            for sentence in hand_back():
                complain(sentence)
        case _:
            try:
                _change(step, undo)
            except OSError as error:
                raise _understood(error) from error


def _change(step: Folder | Write | Link | Move | Delete | Clear, undo: ExitStack) -> None:
    match step:
        case Folder():
            _folder(step, undo)
        case Write():
            _put(step.path, undo, lambda there: _write(there, step.content, step.mode))
        case Link():
            os.sync()  # a power cut must not leave a link to files that never reached the disk
            _put(step.path, undo, lambda there: os.symlink(step.target, there))
        case Move():
            _move(step.path, step.target)
            undo.callback(_move, step.target, step.path)
        case Delete():
            _delete(step.path)
        case Clear():
            _clear(step.path)


def _clear(path: Path) -> None:
    try:
        path.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:  # see rmdir(2)
            raise


def _folder(step: Folder, undo: ExitStack) -> None:
    if step.path.is_dir():
        return
    missing = [folder for folder in (step.path, *step.path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(0o755)
        undo.callback(_delete, folder)
    step.path.chmod(step.mode)  # whatever the umask is


def _put(path: Path, undo: ExitStack, make: Callable[[Path], None]) -> None:
    """Make something beside its place, then let it take that place; undoing puts back what was there."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    restore = _restorer(path)
    try:
        make(beside)
        os.replace(beside, path)
        undo.callback(restore)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _restorer(path: Path) -> Callable[[], None]:
    if path.is_symlink():
        target = os.readlink(path)
        return lambda: _put(path, ExitStack(), lambda there: os.symlink(target, there))
    if path.is_file():
        content, mode = path.read_bytes(), path.stat().st_mode & 0o7777
        return lambda: _put(path, ExitStack(), lambda there: _write(there, content, mode))
    return lambda: _delete(path)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)


def _move(path: Path, target: Path) -> None:
    """Also from one file system to another."""
    _delete(target)
    shutil.move(path, target)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _understood(error: OSError) -> CamguardError:
    where = error.filename2 or error.filename or "the disk"
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return AccessDenied(f"{where} may not be written to ({error.strerror}); run this as root")
        case errno.EROFS:
            return Refused(
                f"{where} is on a file system that is read-only; make it writable, or install camguard as a package of "
                "this system"
            )
        case errno.ENOSPC | errno.EDQUOT:
            return Refused(f"there is no space left for {where}; free some (80 MB are enough) and run this again")
        case _:
            return Refused(f"{where}: {error.strerror or error}")
