"""Trying a hook where it will run: ``camguard hooks test`` asks the process that runs them to run one."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from camguard.config import Config
from camguard.errors import ServiceError
from camguard.hooks.runner import attempt
from camguard.hooks.running import Hands, Ran, runs_as
from camguard.shapes import Shape

TRIAL_SOCKET = Path("/run/camguard-hooks/trial.sock")
"""In a folder that only root, and the user that the unit made for the hooks, may enter."""

_LONGEST = 1 << 20
_MARGIN_S = 20.0


class Trial(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which hook to run, on which event."""

    hook: str
    record: dict[str, Any]


class Unknown(msgspec.Struct, tag="unknown", frozen=True):
    """There is no such hook in the configuration that is in force there."""


class Result(msgspec.Struct, tag="ran", forbid_unknown_fields=True, frozen=True):
    """What came of it, and the user id it ran as; see `camguard.hooks.running.Ran`."""

    uid: int
    code: int | None
    output: str
    seconds: float
    too_long: bool
    why: str | None


_TRIAL = Shape(Trial)
_ANSWER: Shape[Result | Unknown] = Shape(Result | Unknown)


class TrialServer:
    """Listens in a folder that systemd made for this process; does nothing where it made none."""

    def __init__(self, config: Config, hands: Hands, folder: str | None) -> None:
        self._config = config
        self._hands = hands
        self._path = None if folder is None else Path(folder) / TRIAL_SOCKET.name
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
            self._server = await asyncio.start_unix_server(self._answer, self._path, limit=_LONGEST)
            self._path.chmod(0o600)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, msgspec.MsgspecError):
            trial = _TRIAL.of_json(await reader.readline())
            writer.write(msgspec.json.encode(await self._run(trial)) + b"\n")
            await writer.drain()
        writer.close()

    async def _run(self, trial: Trial) -> Result | Unknown:
        hook = next((hook for hook in self._config.hooks if hook.name == trial.hook), None)
        if hook is None:
            return Unknown()
        ran = await attempt(self._hands, hook, trial.record, self._config.source)
        return Result(runs_as(), ran.code, ran.output, ran.seconds, ran.too_long, ran.why)


def ask(hook: str, record: dict[str, Any], limit_s: float, path: Path = TRIAL_SOCKET) -> tuple[Ran, int] | None:
    """Have the process that runs the hooks run one, which may take `limit_s`; None where no such process listens.

    Returns what came of it, and the user id it ran as.
    Raises ServiceError where it does not answer as it should, or has no such hook.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(limit_s + _MARGIN_S)
        try:
            asked.connect(os.fspath(path))
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            return None
        try:
            asked.sendall(msgspec.json.encode(Trial(hook, record)) + b"\n")
            with asked.makefile("rb") as answer:
                told = _ANSWER.of_json(answer.readline(_LONGEST))
        except (OSError, msgspec.MsgspecError) as error:
            raise ServiceError(f"camguard-hooks.service does not answer as it should ({error}); restart it") from error
    if isinstance(told, Unknown):
        raise ServiceError(f"camguard-hooks.service does not know {hook} yet: systemctl restart camguard-hooks.service")
    return Ran(told.code, told.output, told.seconds, told.too_long, told.why), told.uid
