"""The guard that the tray runs for itself where no service answers: the same one, in a process of its own.

So it sees what this user may see, the command line finds it at the session's socket, and it ends with the tray.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from camguard.config import ENVIRONMENT_VARIABLE, default_path, session_socket
from camguard.desktop.ownhooks import OwnHooks, end_child
from camguard.errors import ServiceError
from camguard.wording import visible

START_S = 30.0
"""How long it may take until its socket is there."""

STOP_S = 15.0
_LOOK_S = 0.05
_LONGEST_WORD = 400


_STOP = int(signal.SIGTERM)
_prctl = ctypes.CDLL(None).prctl  # found beforehand: between fork and exec there is little that may be done


class OwnGuard:
    """A child process; `state` is the folder where it keeps its last good configuration."""

    def __init__(self, state: Path, config: Path | None = None) -> None:
        """`config` is the configuration that was named on the command line, None for the usual one."""
        self._state = state
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._last_words = ""
        self._hooks = OwnHooks()

    async def start(self) -> Path:
        """Start it and wait until it listens; returns the socket's path.

        Raises ServiceError, with what it said last, where it ends before or does not listen in time. None that was
        started before goes on.
        """
        await self.stop()
        try:
            return await self._start()
        except (OSError, TimeoutError) as error:
            await self.stop()
            why = "it does not listen" if isinstance(error, TimeoutError) else str(error)
            raise ServiceError(f"the guard of the tray could not be started: {why}") from error

    async def _start(self) -> Path:
        socket = session_socket()
        if socket is None:
            raise ServiceError("no service answers, and this session has no XDG_RUNTIME_DIR for a guard of its own")
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            socket.unlink()  # of a guard that is gone; one that runs keeps the log, and then this one will not start
        named = self._config or os.environ.get(ENVIRONMENT_VARIABLE) or default_path()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "camguard.service", "--config", str(named)),
            *("--state", str(self._state), "--socket", str(socket)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_end_with_parent,
        )
        self._listening = asyncio.create_task(self._listen(self._process))
        async with asyncio.timeout(START_S):
            while not socket.exists():
                if self._process.returncode is not None:
                    await self._listening
                    raise ServiceError(self._last_words or "the guard of the tray ended at once, and did not say why")
                await asyncio.sleep(_LOOK_S)
        await self._hooks.start(Path(named), socket, _end_with_parent)
        return socket

    async def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        await self._hooks.stop()
        process = self._process
        if process is None:
            return
        self._process = None
        await end_child(process, STOP_S)
        if self._listening is not None:
            await self._listening

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Pass on what it says, and keep its last words for whoever asks why it ended."""
        said = process.stderr
        if said is None:
            raise AssertionError("it was started with a pipe")
        async for line in said:
            text = visible(line.decode("utf-8", "backslashreplace").rstrip())
            sys.stderr.write(f"{text}\n")
            self._last_words = text.removeprefix("camguard: ")[:_LONGEST_WORD]
        await process.wait()


def _end_with_parent() -> None:
    """Have it asked to stop when the tray is killed; see PR_SET_PDEATHSIG in prctl(2)."""
    _prctl(1, _STOP)
