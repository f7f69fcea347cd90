"""Runs the commands that installing needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from camguard.errors import CamguardError

_LIMIT_S = 180
_LAST_LINES = 5


class CommandFailed(CamguardError):
    """A command did not do what it was to."""


def run(argv: Sequence[str]) -> str:
    """Run a command to its end, and return what it printed. Raises CommandFailed, with what it said."""
    said = " ".join(argv)
    # A caller's umask or Python variables must not decide what an environment of root's is like.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
            env={**variables, "LC_ALL": "C.UTF-8"},
            umask=0o022,
            cwd="/",
        )
    except FileNotFoundError as error:
        raise CommandFailed(f"{argv[0]} is not installed, and `{said}` is needed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{said}` was not done within {_LIMIT_S} s") from error
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise CommandFailed(f"`{said}` failed{': ' if words else ''}{words}")
    return done.stdout
