"""The real service as a process of its own, over pretend cameras, and camguard's commands that ask it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from camguard.compose import pretend_camera
from camguard.ipc.client import Client, connect
from tests.support.commands import CAMERA, ENVIRONMENT, Running

PATIENCE_S = 60.0
LOOK_S = 0.2
NOBODY = 65534
_UNIT = Path(__file__).parents[2] / "service/systemd/camguard.service"
_HOLDS = """\
import mmap, sys
with open(sys.argv[1], "rb") as camera, mmap.mmap(camera.fileno(), 0, access=mmap.ACCESS_READ):
    print("holding", flush=True)
    sys.stdin.read()
"""


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for `condition`; raises AssertionError naming `what` where it does not come true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")
        time.sleep(0.01)


class Notified:
    """Reads what services tell systemd, as it comes, and who told it."""

    def __init__(self, path: Path) -> None:
        self._told: list[tuple[int, str]] = []
        self._more = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait(self, process: subprocess.Popen[str], state: str) -> str:
        """Wait until that process tells so; what it told up to then is forgotten.

        Raises AssertionError where it ends before, or takes too long.
        """
        end = time.monotonic() + PATIENCE_S
        with self._more:
            while (found := self._find(process.pid, state)) is None:
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"the service did not tell {state}")
                self._more.wait(LOOK_S)
            told = self._told[found][1]
            del self._told[: found + 1]
            return told

    def close(self) -> None:
        """Read no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _find(self, pid: int, state: str) -> int | None:
        found = (at for at, (who, told) in enumerate(self._told) if who == pid and state in told.split("\n"))
        return next(found, None)

    def _read(self) -> None:
        while True:
            told, who, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            if not told:
                return
            with self._more:
                self._told.append((int.from_bytes(who[0][2][:4], sys.byteorder), told.decode()))
                self._more.notify_all()


class ServiceStage:
    """A folder with a configuration, cameras and a log, and the service on it, started and stopped at will."""

    def __init__(self, folder: Path, *, config: str = "") -> None:
        self.folder = folder
        self.cameras = folder / "cameras"
        self.config = folder / "config.toml"
        self.rules = folder / "rules.toml"
        self.journal = folder / "state" / "journal.db"
        self.socket = folder / "run" / "camguard.sock"
        for each in (self.cameras, self.journal.parent, self.socket.parent):
            each.mkdir()
        for public in (folder, self.cameras, self.socket.parent):
            public.chmod(0o755)
        self.configure(config)
        self.node = pretend_camera(self.cameras, CAMERA)
        self.node.chmod(0o644)
        self._notified = Notified(folder / "notify")
        self.process: subprocess.Popen[str] | None = None
        self.prefix: tuple[str, ...] = ()

    def configure(self, more: str) -> None:
        """Write the configuration: what every test has, and `more`."""
        self.config.write_text(
            '[detection]\nlinger = "100ms"\n[journal]\npath = "state/journal.db"\n[rules]\nfile = "rules.toml"\n'
            f'[platform]\nbackend = "simulated"\nfolder = "cameras"\n{more}'
        )

    def start(self, *, beat_s: float = 0.2) -> None:
        """Start the service and wait until it says that it is ready; it leaves signs of life each `beat_s`."""
        self.launch(beat_s=beat_s)
        self.wait_notified("READY=1")

    def try_another(self) -> tuple[int, str]:
        """Start a second service beside the one that runs, to its end; returns its exit code and what it said."""
        first, self.process = self.process, None
        try:
            self.launch()
            return self._ended()
        finally:
            self.process = first

    def launch(self, *, beat_s: float = 0.2) -> None:
        """Start the service without waiting for anything."""
        environment = {
            **ENVIRONMENT,
            **_of_the_unit(),
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "PYTHONFAULTHANDLER": "1",
            "WATCHDOG_USEC": str(round(beat_s * 3_000_000)),
        }
        given = {"--config": self.config, "--socket": self.socket, "--state": self.journal.parent}
        self.process = subprocess.Popen(
            [
                *self.prefix,
                sys.executable,
                *_flags_of_the_unit(),
                "-m",
                "camguard.service",
                *(str(word) for pair in given.items() for word in pair),
            ],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def wait_notified(self, state: str) -> str:
        """Wait until the service tells systemd so, for the first time or again; returns all that it told with it.

        Where it does not, what it said is in the failure, and where each of its threads was.
        """
        assert self.process is not None
        try:
            return self._notified.wait(self.process, state)
        except AssertionError as failure:
            self.process.send_signal(signal.SIGABRT)  # see faulthandler
            code, said = self._ended()
            raise AssertionError(f"{failure} ({code}): {said}") from failure

    def kill(self) -> None:
        """SIGKILL, as at a power cut."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        self.process = None

    def stop(self) -> tuple[int, str]:
        """Ask it to stop; returns its exit code and what it said to stderr."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> tuple[int, str]:
        assert self.process is not None
        _, err = self.process.communicate(timeout=PATIENCE_S)
        code = self.process.returncode
        self.process = None
        return code, err

    def reload(self) -> None:
        """SIGHUP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    @property
    def pid(self) -> int:
        """The service's process."""
        assert self.process is not None
        return self.process.pid

    def client(self) -> Client:
        """A connection to the service."""
        client = connect(self.socket, trusted_uids=frozenset({os.getuid()}))
        assert client is not None
        return client

    def run(self, *arguments: str | Path, uid: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command that asks the service, as a process of its own, as another user where `uid` is given."""
        self._expect_alive()
        return subprocess.run(
            [*_camguard(uid), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=self._environment(),
            check=False,
        )

    def objects(self, *arguments: str | Path, uid: int | None = None) -> Any:
        """What a command with --json prints on its last line."""
        done = self.run(*arguments, "--json", uid=uid)
        assert done.stdout, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def own_rules(self, uid: int | None = None) -> Any:
        """The rules that somebody made, as ``rules list`` tells a user of them."""
        return [rule for rule in self.objects("rules", "list", uid=uid)["rules"] if not rule["shipped"]]

    def run_script(self, path: Path, *arguments: str, uid: int) -> subprocess.CompletedProcess[str]:
        """Run a program as another user."""
        return subprocess.run(
            [*_python(uid), str(path), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=self._environment(),
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str | Path, uid: int | None = None) -> Iterator[Running]:
        """A command that goes on until it is told to stop."""
        with subprocess.Popen(
            [*_camguard(uid), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment(),
        ) as process:
            limit = threading.Timer(PATIENCE_S, process.kill)
            limit.start()
            try:
                yield Running(process)
            finally:
                limit.cancel()
                process.kill()

    @contextmanager
    def stranger(self, name: str = "stranger.py", uid: int | None = None) -> Iterator[subprocess.Popen[str]]:
        """A script of that file name that has the camera open and mapped until the context is left."""
        script = self.script(name)
        with subprocess.Popen(
            [*_python(uid), script, self.node],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            try:
                yield process
            finally:
                process.kill()

    def script(self, name: str) -> Path:
        """A program that holds the camera, under a name of its own: to the guard, an app of its own."""
        path = self.folder / name
        if not path.exists():
            path.write_text(_HOLDS)
            path.chmod(0o644)
        return path

    def _expect_alive(self) -> None:
        """Fails where the service ended by itself, with what it said."""
        if self.process is not None and self.process.poll() is not None:
            code, said = self._ended()
            raise AssertionError(f"the service ended by itself ({code}): {said}")

    def close(self) -> None:
        """End whatever runs still."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self._notified.close()

    def _environment(self) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder)}
        return {**ENVIRONMENT, **home, "CAMGUARD_SOCKET": str(self.socket), "PYTHONDONTWRITEBYTECODE": "1"}


def _of_the_unit() -> dict[str, str]:
    """The environment that the installed service has from its unit (systemd.exec(5))."""
    lines = _UNIT.read_text().splitlines()
    return dict(line.split("=", 2)[1:] for line in lines if line.startswith("Environment="))


def _flags_of_the_unit() -> list[str]:
    """What the unit has its Python do, but for keeping this checkout's modules away."""
    [command] = [line for line in _UNIT.read_text().splitlines() if line.startswith("ExecStart=")]
    flags = command.split()[1 : command.split().index("-m")]
    return [flag for flag in flags if flag != "-I"]


def _python(uid: int | None) -> list[str]:
    """What runs a script, as another user where one is given."""
    return [sys.executable] if uid is None else [sys.executable, "-m", "tests.support.as_user", str(uid), "script"]


def _camguard(uid: int | None) -> list[str]:
    """What runs a command, as another user where one is given."""
    if uid is None:
        return [sys.executable, "-m", "camguard"]
    return [sys.executable, "-m", "tests.support.as_user", str(uid), "command"]
