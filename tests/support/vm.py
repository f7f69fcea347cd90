"""The test machine from the tests' side: is it there, start it, stop it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[1] / "system" / "vm" / "vm"
REQUIRED = os.environ.get("CAMGUARD_REQUIRE_SYSTEM") == "1"
"""Set by .ci/run: a missing machine is a failure then, not a reason to skip."""

IN_GUEST = os.environ.get("CAMGUARD_GUEST") == "1"
"""Whether this very process runs inside the machine."""


def missing() -> str | None:
    """What keeps the machine from starting, with the command that supplies it; None where nothing does."""
    done = subprocess.run([TOOL, "check"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip().removeprefix("vm: ")


def start(
    *arguments: str | Path, output: int = subprocess.PIPE, kernel: str = "", cpus: int | None = None
) -> subprocess.Popen[str]:
    """Start ``vm run`` with these arguments; its guest gets packages by this Python's pip.

    `kernel` is what its kernel is told beside the usual, `cpus` how many processors it has unless the environment says.
    """
    told = f"{os.environ.get('CAMGUARD_VM_APPEND', '')} {kernel}"
    environment = {**os.environ, "CAMGUARD_VM_PYTHON": sys.executable, "CAMGUARD_VM_APPEND": told}
    if cpus is not None:
        environment.setdefault("CAMGUARD_VM_CPUS", str(cpus))
    return subprocess.Popen(
        [TOOL, "run", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
        env=environment,
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """Have the machine stopped when this process is killed; see PR_SET_PDEATHSIG in prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def stop(machine: subprocess.Popen[str]) -> None:
    """Pull the plug, where it still runs."""
    if machine.poll() is None:
        machine.terminate()
    machine.wait()
