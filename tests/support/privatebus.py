"""A message bus of a test's own, on which nobody is but who the test lets on it: no daemon is started by it."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 30.0

_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""


def missing() -> str | None:
    """What keeps a bus from starting, with the command that supplies it."""
    return None if shutil.which("dbus-daemon") else "dbus-daemon not found; sudo apt-get install dbus"


class PrivateBus:
    """A bus that can be started, stopped and started again at one address."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:path={folder / 'bus'}"
        self._config = folder / "bus.conf"
        self._config.write_text(_CONFIG.format(path=folder / "bus"))
        self._daemon: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = ("dbus-daemon", "--nofork", "--print-address", f"--config-file={self._config}")
        self._daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline().startswith("unix:")

    def stop(self) -> None:
        """End it, where it runs, and all connections with it."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait()
            assert self._daemon.stdout is not None
            self._daemon.stdout.close()
            self._daemon = None


async def until(what: str, found: Callable[[], object]) -> None:
    """Look again and again until there is something; what is to be awaited is. Fails where it takes too long."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        result = found()
        if await result if inspect.isawaitable(result) else result:
            return
        assert asyncio.get_running_loop().time() < deadline, f"{what}: not after {PATIENCE_S:.0f} s"
        await asyncio.sleep(0.01)
