"""A person's folders and a tray that runs in them, before a notification daemon that does what the test says."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from camguard.core.events import Kind
from camguard.journal.queries import Reader
from tests.support.commands import Stage
from tests.support.notifyd import XFCE, Daemon, running
from tests.support.notifyd import Kind as DaemonKind
from tests.support.privatebus import PrivateBus, until


@dataclass
class Home:
    """A person's folders."""

    stage: Stage
    environment: dict[str, str]

    @property
    def socket(self) -> Path:
        """Where the guard that the tray shows listens: the service where one is named, else the tray's own."""
        named = Path(self.environment["CAMGUARD_SOCKET"])
        own = Path(self.environment["XDG_RUNTIME_DIR"]) / "camguard" / "camguard.sock"
        return named if named.parent.name == "run" else own

    @property
    def config(self) -> Path:
        return Path(self.environment["XDG_CONFIG_HOME"])

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "camguard", "--config", str(self.stage.config), *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask_the_tray(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a person does who has neither a service nor a configuration of his own."""
        return subprocess.run(
            [sys.executable, "-m", "camguard", *arguments],
            env={key: value for key, value in self.environment.items() if key != "CAMGUARD_SOCKET"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def greeted(self) -> None:
        """Nobody is greeted any more: it is not the first time."""
        mark = Path(self.environment["XDG_STATE_HOME"]) / "camguard" / "greeted"
        mark.parent.mkdir(parents=True)
        mark.touch()


@dataclass
class Scene:
    """A tray that runs."""

    home: Home
    process: asyncio.subprocess.Process
    daemon: Daemon

    async def shown(self, title: str) -> int:
        """Wait for a notification of that title; its number."""
        await until(title, lambda: any(shown.title == title for shown in self.daemon.shown.values()))
        return self.daemon.number(title)

    async def body(self, text: str) -> None:
        """Wait for a notification with that text."""
        await until(text, lambda: any(text in shown.body for shown in self.daemon.shown.values()))

    def entries(self, kind: Kind) -> list[dict[str, object]]:
        with Reader(self.home.stage.journal) as reader:
            return [entry.data for entry in reader.entries(0, [kind.value])]

    @asynccontextmanager
    async def using(self, name: str = "stranger.py") -> AsyncIterator[subprocess.Popen[str]]:
        """A program that uses the camera."""
        await until("the guard's log", lambda: self.home.stage.journal.exists())
        stranger = self.home.stage.stranger(name)
        process = await asyncio.to_thread(stranger.__enter__)
        try:
            yield process
        finally:
            await asyncio.to_thread(stranger.__exit__, None, None, None)


def play(home: Home, bus: PrivateBus, scene: Callable[[Scene], Awaitable[None]], kind: DaemonKind = XFCE) -> str:
    """A scene with a tray, which is told to end afterwards; what it said."""

    async def played() -> str:
        async with running(bus.address, kind) as daemon:
            process = await asyncio.create_subprocess_exec(
                *home.command("tray"),
                env=home.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                await until("the tray's guard", lambda: home.socket.exists())
                await scene(Scene(home, process, daemon))
                ended = process.returncode
                assert ended is None, "it ended by itself"
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(60):
                    _, said = await process.communicate()
            except BaseException:
                if process.returncode is None:
                    process.kill()
                    _, err = await process.communicate()
                    sys.stderr.write(err.decode())
                raise
            assert process.returncode == 0, said.decode()
            assert not [shown for shown in daemon.shown.values() if shown.buttons], "buttons that nobody hears"
            return said.decode()

    said = asyncio.run(played())
    assert "Traceback" not in said
    return said
