"""What the tests inside the machine stand on: the webcam, programs that use it, the guard. See tests/system/vm."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeVar

PATIENCE = 90.0
"""Seconds until something that has to happen is called missing: the machine is emulated, and slow."""

CAPTURE = Path(__file__).resolve().parents[1] / "system" / "capture.py"
WEBCAM_LINK = Path("/dev/v4l/by-id/usb-camguard_Test_Webcam_TEST0001-video-index0")
VIVID = Path("/dev/video0")
WEBCAM = "Test Webcam"
"""The name that the webcam gives itself."""

Event = dict[str, Any]


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait for `condition`; raises AssertionError naming `what` where it does not come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(0.05)


def light() -> bool:
    """Whether the webcam's light is on."""
    return Path("/run/usbcam.led").read_text() == "1\n"


def webcam() -> Path:
    """The webcam's capture node, whatever its number is now."""
    return Path(os.path.realpath(WEBCAM_LINK, strict=True))


def tell_webcam(word: str) -> None:
    """Pull the plug (``unplug``) or put it back (``plug``), and wait until udev has followed."""
    Path("/run/usbcam.ctl").write_text(f"{word}\n")
    plugged = word == "plug"
    until(f"webcam: {word}", lambda: WEBCAM_LINK.exists() is plugged)
    settle()


def settle() -> None:
    """Wait until udev has done with new nodes what it does: until then a node may have a link, and not its group."""
    # On a busy machine udevadm now and then loses its connection to the daemon.
    until("udev is done", lambda: subprocess.run(["udevadm", "settle"], check=False).returncode == 0)


def back() -> None:
    """Wait until the webcam, which was switched on again, can be used by whom it may be used by.

    Its link alone does not say so: it may be the one from before.
    """
    until("the webcam is back", WEBCAM_LINK.exists)
    settle()


def dark() -> None:
    """Wait for the webcam's light to go out: who ends a use, or has it ended, does not wait for that."""
    until("the light goes out", lambda: not light())


T = TypeVar("T", bound="Running")


class Account:
    """A user of the machine, with a home of its own for one test."""

    def __init__(self, name: str, folder: Path) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid
        self.home = folder / name
        self.home.mkdir()
        os.chown(self.home, self.uid, self.gid)
        config = self.home / "config.toml"
        config.write_text(
            f'[journal]\npath = "{self.home}/journal.db"\n\n[rules]\nfile = "{self.home}/rules.toml"\n',
        )
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("XDG_")},
            "HOME": str(self.home),
            "USER": name,
            "LOGNAME": name,
            "CAMGUARD_CONFIG": str(config),
        }

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        """Start a program as this user."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment,
            cwd=self.home,
            user=self.uid,
            group=self.gid,
            extra_groups=os.getgrouplist(self.name, self.gid),
        )

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program as this user to its end, whatever that is."""
        process = self.start(*command)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)


class Running:
    """A process whose lines are collected as they come, and can be waited for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._errors: list[str] = []
        self._more = threading.Condition()
        self._open = 0
        self._readers = [self._follow(process.stdout, self.lines), self._follow(process.stderr, self._errors)]

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self.process.pid

    def wait_line(self, what: str, wanted: Callable[[str], bool], start: int = 0) -> int:
        """The place of the first line from `start` on that is wanted; waits for it.

        Raises AssertionError with everything the process said where it does not come.
        """
        end, at = time.monotonic() + PATIENCE, start
        with self._more:
            while True:
                while at < len(self.lines):
                    if wanted(self.lines[at]):
                        return at
                    at += 1
                if not self._open or not self._more.wait(max(0.0, end - time.monotonic())):
                    raise AssertionError(f"{what}: not seen\n{self.said()}")

    def said(self) -> str:
        """Everything so far, for a failure's text."""
        return "\n".join(["-- stdout", *self.lines, "-- stderr", *self._errors, f"-- status {self.process.poll()}"])

    def wait(self) -> int:
        """The exit status, once it is over and all was read."""
        status = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return status

    def close(self) -> None:
        """End it, where it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.wait()

    def _follow(self, stream: IO[str] | None, lines: list[str]) -> threading.Thread:
        assert stream is not None
        self._open += 1

        def follow() -> None:
            with stream:
                for line in stream:
                    with self._more:
                        lines.append(line.rstrip("\n"))
                        self._more.notify_all()
            with self._more:
                self._open -= 1
                self._more.notify_all()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        return thread


class Program(Running):
    """One of the capture programs (tests/system/capture.py)."""

    def wait_word(self, word: str) -> int:
        """Wait for a line that begins so; the number after it."""
        at = self.wait_line(word, lambda line: line.split()[:1] == [word])
        return int(self.lines[at].split()[1])

    @property
    def frames(self) -> int:
        """How many frames it has said it received."""
        counts = [int(line.split()[1]) for line in self.lines if line.split()[0] in {"frames", "done", "gone"}]
        return max(counts, default=0)

    @property
    def last_frame_at(self) -> int:
        """When the last frame that it told of arrived (CLOCK_MONOTONIC, nanoseconds); with ``--every 1``, the last."""
        return max(int(line.split()[2]) for line in self.lines if line.split()[0] == "frames")


class Watch(Running):
    """``camguard watch --json``."""

    @property
    def events(self) -> list[Event]:
        """All events so far."""
        return [json.loads(line) for line in list(self.lines)]

    def wait_event(self, name: str, *, since: int = 0, **wanted: object) -> Event:
        """The first event of that name, after the first `since` ones, in which each of `wanted` holds; waits for it.

        ``pid``, ``script`` and ``user`` are looked up in its process, ``camera`` is the camera's name, the rest are
        its own keys.
        """

        def fits(line: str) -> bool:
            event = json.loads(line)
            return event["event"] == name and all(_value(event, key) == value for key, value in wanted.items())

        at = self.wait_line(f"event {name} {wanted}", fits, since)
        event: Event = json.loads(self.lines[at])
        return event

    def wait_over(self, activation: str) -> None:
        """Wait until an activation is told to be over, be it as a look or as a use."""

        def over(line: str) -> bool:
            event = json.loads(line)
            return event["event"] in {"probe", "ended"} and event.get("activation") == activation

        self.wait_line(f"the end of {activation}", over)

    def of(self, activation: str) -> list[str]:
        """The names of an activation's events, in order."""
        return [event["event"] for event in self.events if event.get("activation") == activation]


def _value(event: Event, key: str) -> object:
    if key in {"pid", "script", "user", "known"}:
        return (event.get("process") or {}).get(key)
    if key == "camera":
        return (event.get("camera") or {}).get("name")
    return event.get(key)


class Desk:
    """One test's table: accounts, programs and guards, all of which end with it."""

    def __init__(self, cleanup: ExitStack) -> None:
        self._cleanup = cleanup
        self.folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="desk-")))
        self.folder.chmod(0o755)
        self._accounts: dict[str, Account] = {}

    def account(self, name: str) -> Account:
        """The user of that name."""
        if name not in self._accounts:
            self._accounts[name] = Account(name, self.folder)
        return self._accounts[name]

    def app(self, name: str) -> Path:
        """A capture program under a name of its own: to the guard, an app of its own."""
        path = self.folder / f"{name}.py"
        if not path.exists():
            shutil.copy(CAPTURE, path)
            path.chmod(0o644)
        return path

    def program(self, mode: str, *options: str | Path, app: str = "app", user: str = "root") -> Program:
        """Start a capture program on the webcam, or on the node that `options` begin with."""
        node = options[0] if options and str(options[0]).startswith("/") else webcam()
        rest = options[1:] if node in options else options
        command = [sys.executable, self.app(app), mode, node, *rest]
        return self.keep(Program(self.account(user).start(*command)))

    def watch(self, *options: str, user: str = "root", on: tuple[Path, ...] | None = None) -> Watch:
        """Start the guard and wait until it is seen to watch the nodes `on` (the webcam's unless said)."""
        watch = self.keep(Watch(self.account(user).start("camguard", "watch", "--json", *options)))
        watch.wait_event("camera.added", camera=WEBCAM)
        for node in (webcam(),) if on is None else on:
            _prove(watch, node)
        return watch

    def glance(self, watch: Watch, app: str, user: str = "root") -> Event:
        """Have a program hold the webcam until the guard has seen it, and no longer; its first event.

        It is over by the time when this returns, and all that went before is told.
        """
        program = self.program("hold", app=app, user=user)
        opened = watch.wait_event("opened", pid=program.pid)
        program.process.kill()
        watch.wait_over(opened["activation"])
        return opened

    def camguard(self, *arguments: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Run a camguard command to its end."""
        return self.account(user).run("camguard", *arguments)

    def keep(self, running: T) -> T:
        """Have something that runs ended with the test."""
        self._cleanup.callback(running.close)
        return running


def _prove(watch: Watch, node: Path) -> None:
    """Look at the camera until the guard says so, then wait until it has called that a probe."""
    start = len(watch.lines)

    def seen() -> bool:
        os.close(os.open(node, os.O_RDWR))
        time.sleep(0.2)
        return any(event["event"] == "opened" for event in watch.events[start:])

    until(f"the guard watches {node}", seen)
    opened = next(event for event in watch.events[start:] if event["event"] == "opened")
    watch.wait_event("probe", activation=opened["activation"])
