"""A stage for the command line: a pretend camera, a log and rules of its own, and programs that use the camera."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from camguard.cli import command
from camguard.compose import pretend_camera

CAMERA = "Pretend Webcam"
TIME_LIMIT_S = 60.0
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"}

_HOLDS = """\
import mmap, sys
with open(sys.argv[1], "r+b") as camera, mmap.mmap(camera.fileno(), 0):
    print("holding", flush=True)
    sys.stdin.read()
"""


class Stage:
    """A folder with a configuration, and camguard run on it as people run it."""

    def __init__(self, folder: Path, *, camera: bool = True) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.rules = folder / "rules.toml"
        self.journal = folder / "journal.db"
        self.config.write_text(
            '[detection]\nlinger = "100ms"\n[journal]\npath = "journal.db"\n[rules]\nfile = "rules.toml"\n'
            '[platform]\nbackend = "simulated"\nfolder = "cameras"\n'
        )
        (folder / "cameras").mkdir()
        if camera:
            self.node = pretend_camera(folder / "cameras", CAMERA)

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "camguard", "--config", str(self.config), *map(str, arguments)]

    def run(self, *arguments: str | Path, **environment: str) -> Result:
        """Run a command in this process, where there is no terminal."""
        given = ["--config", str(self.config), *map(str, arguments)]
        result = CliRunner(env={"COLUMNS": None, **environment}).invoke(command, given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def run_apart(self, *arguments: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        """Run a command as a process of its own."""
        return subprocess.run(
            self.command(*arguments), stdin=stdin, capture_output=True, text=True, timeout=60, env=ENVIRONMENT
        )

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Running]:
        """A command that goes on until it is told to stop; what it prints is read line by line."""
        with subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        ) as process:
            # What is waited for and never comes must fail the test, not hold all others up.
            limit = threading.Timer(TIME_LIMIT_S, process.kill)
            limit.start()
            try:
                yield Running(process)
            finally:
                limit.cancel()
                process.kill()

    @contextmanager
    def stranger(self, name: str = "stranger.py") -> Iterator[subprocess.Popen[str]]:
        """A script of that file name that has the camera open and mapped until the context is left."""
        script = self.folder / name
        script.write_text(_HOLDS)
        with subprocess.Popen(
            [sys.executable, script, self.node], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            try:
                yield process
            finally:
                process.kill()


class Running:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.stdout = process.stdout

    def object_with(self, **wanted: Any) -> dict[str, Any]:
        """The next JSON line that has these values, as an object. Fails where the output ends before."""
        return self._next(lambda found: _has(found, wanted), wanted)

    def app_with(self, **wanted: Any) -> str:
        """The app's name in the next JSON line that has these values and a name: one that could not wait has none."""
        found = self._next(lambda found: _has(found, wanted) and found.get("app"), wanted)
        name: str = found["app"]["name"]
        return name

    def named(self, event: str) -> dict[str, Any]:
        """The next JSON line of this event, which is about a use; where it did not wait for the app's name, the verdict
        after it that has it."""
        told = self.object_with(event=event)
        while told["app"] is None:
            told = self.object_with(event="judged", activation=told["activation"])
        return told

    def line_with(self, *texts: str) -> str:
        """The next line that holds all these texts."""
        for line in self.stdout:
            if all(text in line for text in texts):
                return line
        raise AssertionError(f"no line with {texts}; stderr: {self._stderr()}")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; returns exit code, the rest of stdout, and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def _next(self, fits: Callable[[dict[str, Any]], Any], wanted: object) -> dict[str, Any]:
        for line in self.stdout:
            found: dict[str, Any] = json.loads(line)
            if fits(found):
                return found
        raise AssertionError(f"no line with {wanted}; stderr: {self._stderr()}")

    def _stderr(self) -> str:
        self.process.kill()
        return self.process.stderr.read() if self.process.stderr else ""


def _has(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(found.get(key) == value for key, value in wanted.items())
