"""The hooks of whoever has a guard of the tray's own: run beside it, as that user, and ended with it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from camguard import config as configuration
from camguard.errors import ConfigError

STOP_S = 10.0


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
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _named(config: Path) -> bool:
    """Whether there are hooks. What is wrong with a configuration the guard itself says."""
    try:
        return bool(configuration.read(config).hooks)
    except (FileNotFoundError, ConfigError):
        return False
