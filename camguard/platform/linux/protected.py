"""The programs that camguard never ends, and whose a file is; which programs those are stands in ``knowledge.toml``.

A name counts only for a program file that root owns and nobody else may write: what a process calls itself, or
where a user puts his own file, protects nothing.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache

from camguard.platform.linux.knowledge import knowledge

_KNOWN = 1024
"""Of so many names the answer is remembered: it is asked for between an open and the end of a blocked program."""


@lru_cache(_KNOWN)
def protection(name: str) -> str | None:
    """Why an executable with this base name is never ended; None where it may be."""
    return knowledge().protection(name)


def is_systems_own(path: str, running: os.stat_result) -> bool:
    """Whether the file that runs is the one at `path`, and only root could have put it there.

    The path that /proc/PID/exe bears is not enough: in a mount namespace of his own a user can lay any file over
    any path, and give a program of the system any name.
    """
    try:
        there = os.stat(path)
        folder = os.stat(os.path.dirname(path))
    except (OSError, ValueError):
        return False
    same = (there.st_dev, there.st_ino) == (running.st_dev, running.st_ino)
    return same and only_roots(there) and only_roots(folder)


def only_roots(found: os.stat_result) -> bool:
    """Whether a file or folder is root's, and nobody else may write to it."""
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
