"""Which programs a hook must not run: those that somebody could exchange who may not write the configuration."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from camguard.hooks.settings import Hook
from camguard.install.trust import weakness

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def objection(hook: Hook, configuration: Path | None) -> str | None:
    """Why this hook is not run, as a sentence; None where nothing speaks against it.

    `configuration` is the file that names it. Where that is root's, the program must be root's in every part; else it
    is enough that no stranger may write it.
    """
    program = Path(hook.run[0])
    try:
        found = os.stat(program)
        roots = configuration is not None and os.stat(configuration).st_uid == 0
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    if not stat.S_ISREG(found.st_mode) or not found.st_mode & 0o111:
        return f"{program} is no program; make it one: chmod +x {program}"
    if roots:
        reason = weakness(program)
        return None if reason is None else f"{reason}, and the configuration that names {program} is root's"
    if found.st_mode & _OTHERS_WRITE:
        return f"others may write to {program}; run: chmod go-w {program}"
    return None
