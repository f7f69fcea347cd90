"""A real desktop from the tests' side: XFCE's panel and a notification daemon on a screen that nobody sees.

The desktop itself is made by ``tests/system/desktop/desktop``, which people can run by hand as well.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

import psutil
from PIL import Image, ImageChops

TOOL = Path(__file__).resolve().parents[1] / "system" / "desktop" / "desktop"
PROJECT = TOOL.parents[3]
PATIENCE_S = 30.0
LEFT, MIDDLE, RIGHT = 1, 2, 3

T = TypeVar("T")

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, as Pillow has it."""


def missing() -> str | None:
    """What keeps a desktop from starting, with the command that supplies it; None where nothing does."""
    done = subprocess.run([TOOL, "check"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip().removeprefix("desktop: ")


def until(found: Callable[[], T | None], what: str) -> T:
    """Look again and again until there is something, and give it. Fails where it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := found()):
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S:.0f} s"
        time.sleep(0.1)  # a picture of the screen takes as long
    return result


class Desktop:
    """A desktop that runs; `environment` is what programs in it are started with."""

    def __init__(self, environment: dict[str, str], cleanup: ExitStack) -> None:
        self.environment = environment
        self._cleanup = cleanup
        self._panel: int | None = int(environment["DESKTOP_PANEL"]) if "DESKTOP_PANEL" in environment else None

    @property
    def runtime(self) -> Path:
        """The folder for the session's sockets."""
        return Path(self.environment["XDG_RUNTIME_DIR"])

    # Programs.

    def run(self, *command: str | Path) -> str:
        """What a program says that is run to its end."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def start(self, *command: str | Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """A program that goes on; what it says can be read, and it is ended with the desktop."""
        started = subprocess.Popen(
            command, env=self.environment, cwd=PROJECT, stdin=stdin, stdout=subprocess.PIPE, text=True
        )
        self._cleanup.callback(end, started)
        return started

    def python(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """This Python with arguments, as `start` does; it can be written to."""
        return self.start(sys.executable, *arguments, stdin=subprocess.PIPE)

    # What is seen.

    def picture(self) -> Image.Image:
        """What the screen shows."""
        shot = subprocess.run(
            ("import", "-silent", "-window", "root", "png:-"), env=self.environment, capture_output=True, check=True
        )
        return Image.open(io.BytesIO(shot.stdout)).convert("RGB")

    def find(self, colour: tuple[int, int, int]) -> Box | None:
        """The smallest box around all that has exactly this colour."""
        red, green, blue = (
            band.point([255 * (value == wanted) for value in range(256)])
            for band, wanted in zip(self.picture().split(), colour, strict=True)
        )
        return ImageChops.darker(ImageChops.darker(red, green), blue).getbbox()

    def windows(self, kind: str) -> dict[int, Box]:
        """The windows of a class that are seen, such as ``wrapper-2.0`` (the tray and its menus), by their number."""
        found = subprocess.run(
            ("xdotool", "search", "--onlyvisible", "--class", kind),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,  # 1 where there is none
        )
        boxes = {int(number): self._box(number) for number in found.stdout.split()}
        return {number: box for number, box in boxes.items() if box is not None}

    def _box(self, window: str) -> Box | None:
        """Where a window is; None where it has just gone."""
        told = subprocess.run(
            ("xdotool", "getwindowgeometry", "--shell", window),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        values = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
        if told.returncode != 0:
            return None
        left, top, width, height = (int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
        return left, top, left + width, top + height

    # What a person does.

    def click(self, box: Box, button: int = LEFT) -> None:
        """Click in the middle of a box."""
        x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
        self.run("xdotool", "mousemove", str(x), str(y), "click", str(button))

    def press(self, *keys: str) -> None:
        """Press keys, by their names in X."""
        self.run("xdotool", "key", "--delay", "50", *keys)

    # The panel.

    def panel(self) -> list[tuple[int, float]]:
        """The processes of the panel, one for itself and one for the icons: pid and start time."""
        return sorted(
            (process.pid, process.info["create_time"])
            for process in psutil.process_iter(("exe", "create_time"))
            if Path(process.info["exe"] or "").name in ("xfce4-panel", "wrapper-2.0") and self._is_ours(process)
        )

    def end_panel(self) -> None:
        """End the panel, and wait until its name on the bus is free."""
        assert self._panel is not None
        panel = psutil.Process(self._panel)
        panel.send_signal(signal.SIGTERM)
        self._panel = None
        until(lambda: not self.panel(), "the panel ends")

    def start_panel(self) -> None:
        """Start it, and wait until it is there for icons."""
        self._panel = self.start("xfce4-panel", "--disable-wm-check").pid
        self.run("gdbus", "wait", "--session", "--timeout", f"{PATIENCE_S:.0f}", "org.kde.StatusNotifierWatcher")

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("XDG_RUNTIME_DIR") == self.environment["XDG_RUNTIME_DIR"]
        except psutil.Error:
            return False


def end(process: subprocess.Popen[str]) -> None:
    """End a program, where it still runs."""
    process.terminate()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def desktop(*options: str) -> Iterator[Desktop]:
    """A desktop for as long as the context lasts; `options` are those of the tool, such as ``--notify dunst``."""
    # The shell in it says its environment, and waits until nobody listens any more.
    tell = 'env -0 >&1; printf "\\0"; exec cat >/dev/null'
    with subprocess.Popen(
        [TOOL, "run", *options, "--", "sh", "-c", tell], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tool:
        assert tool.stdin is not None
        assert tool.stdout is not None
        try:
            with ExitStack() as cleanup:
                environment = {**_environment(tool.stdout), "PYTHONPATH": str(PROJECT)}
                yield Desktop(environment, cleanup)
        finally:
            tool.stdin.close()
            tool.wait(PATIENCE_S)


def _environment(stream: IO[bytes]) -> dict[str, str]:
    told = b""
    while not told.endswith(b"\0\0"):
        more = os.read(stream.fileno(), 65536)
        assert more, "the desktop did not start"
        told += more
    return dict(pair.split("=", 1) for pair in told.decode().split("\0") if pair)
