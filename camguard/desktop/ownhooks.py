"""The hooks of whoever has a guard of the tray's own: run beside it, as that user, and ended with it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from camguard import config as configuration
from camguard.errors import ConfigError

STOP_S = 10.0


async def end_child(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Have a child process stop, kill it where it does not within so many seconds, and wait until it is gone."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


class OwnHooks:
    """A child process, where the configuration names hooks; see `camguard.hooks`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, config: Path, socket: Path, end_with_parent: Callable[[], None]) -> None:
        """Start it for the guard that listens at `socket`; its words go where the tray's go.

        Raises OSError where it cannot be started.
        """
        await self.stop()
        if await asyncio.to_thread(_named, config):
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "camguard.hooks", "--config", str(config), "--socket", str(socket)),
                stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=end_with_parent,
            )

    async def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            await end_child(process, STOP_S)


def _named(config: Path) -> bool:
    """Whether there are hooks. What is wrong with a configuration the guard itself says."""
    try:
        return bool(configuration.read(config).hooks)
    except (FileNotFoundError, ConfigError):
        return False
