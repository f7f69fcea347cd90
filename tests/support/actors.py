"""Real processes to identify and to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from camguard.core.model import Process
from camguard.platform.linux.procfs import ProcessReader

READY = "print('ready', flush=True)"


@contextmanager
def running(command: Sequence[str], cwd: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says a line when it is ready; killed and reaped at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=cwd) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"{command[0]} ended before it was ready"
            yield process
        finally:
            process.kill()


@contextmanager
def python(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that runs `code`, says it is ready, and sleeps."""
    with running([sys.executable, "-c", f"{code}\n{READY}\nimport time; time.sleep(600)"]) as process:
        yield process


def facts(pid: int) -> Process:
    """The quick facts of a process, as a sensor would hand them over."""
    return ProcessReader().process(pid)
