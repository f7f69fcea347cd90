"""Who could change what the service runs: a path is trusted where nobody but root can.

What runs as root must be root's in every part: the file, each folder above it, and each symbolic link on the way.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

from camguard.errors import Refused
from camguard.install.model import Interpreter

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LINKS = 40  # as many as the kernel follows
_SYSTEM = Path("/usr/bin")
_PROBE = "import sys, sysconfig as s; print(s.get_config_var('SOABI'), s.get_path('stdlib'), s.get_path('platstdlib'))"
_PATIENCE_S = 60


def weakness(path: Path) -> str | None:
    """Why somebody other than root could change what is at `path`, as a sentence; None where nobody could."""
    todo = list(reversed(Path(os.path.abspath(path)).parts))
    here, links = Path(todo.pop()), 0
    while True:
        try:
            found = os.lstat(here)
        except OSError as error:
            return f"{here}: {error.strerror}"
        if found.st_uid != 0:
            return f"{here} does not belong to root"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _LINKS:
                return f"{path} is a chain of too many links"
            target = here.parent / os.readlink(here)
            todo += reversed(target.parts)
            here = Path(todo.pop())
            continue
        # In a sticky folder (/tmp) nobody can put anything in the place of what is root's, and that is looked at next.
        if found.st_mode & _OTHERS_WRITE and not (found.st_mode & stat.S_ISVTX and stat.S_ISDIR(found.st_mode)):
            return f"others than root may write to {here}"
        if not todo:
            return None
        part = todo.pop()
        here = here.parent if part == ".." else here / part


def closed(path: Path) -> str | None:
    """Why not everybody can run what is at `path`, as a sentence; None where everybody can."""
    real = Path(os.path.realpath(path))
    for part in (real, *real.parents):
        if not os.stat(part).st_mode & stat.S_IXOTH:
            return f"{part} is not open to everybody"
    return None


def interpreter() -> Interpreter:
    """The Python to build the service's environment on: the running one's base, else the system's of the same kind.

    Raises Refused where neither can be trusted.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    reasons = []
    for candidate in dict.fromkeys((base, _SYSTEM / "python3", _SYSTEM / f"python{version}")):
        objection = _objection(candidate)
        if objection is None:
            return Interpreter(candidate, f"python{version}")
        reasons.append(objection)
    raise Refused(
        f"there is no Python {version} that only root can change: {'; '.join(dict.fromkeys(reasons))}. "
        f"Install the system's own (Debian, Ubuntu: apt install python{version}), or install camguard with the Python "
        f"in {_SYSTEM}, and run this again from there"
    )


def _objection(executable: Path) -> str | None:
    """Why the service must not run on this interpreter; it is not even run before it is trusted."""
    reason = weakness(executable) or closed(executable)
    if reason is not None:
        return reason
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
        kind, *libraries = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return f"{executable} does not run"
    if kind != sysconfig.get_config_var("SOABI"):
        return f"{executable} is of another kind ({kind}) than what camguard's packages were built for"
    return next((why for why in map(weakness, map(Path, libraries)) if why), None)
