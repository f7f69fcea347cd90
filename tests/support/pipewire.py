"""A PipeWire of its own for one test: daemon, session manager, pretend cameras and programs that use them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from camguard.platform.linux.pipewire.tools import Instance

PACKAGES = "pipewire pipewire-bin wireplumber gstreamer1.0-tools gstreamer1.0-pipewire gstreamer1.0-plugins-base"
PATIENCE_S = 90.0 if os.environ.get("CAMGUARD_GUEST") else 20.0  # an emulated machine is slow
_TOOLS = ("pipewire", "wireplumber", "pw-dump", "pw-cli", "gst-launch-1.0", "gst-inspect-1.0", "dbus-run-session")
_FORMAT = "video/x-raw,format=YUY2,width=160,height=120,framerate=30/1"
_FROM_SOURCE = "video/x-raw,format=YUY2"
_FROM_CAMERA = "video/x-raw,width=320,height=240,framerate=25/1"


def missing() -> str | None:
    """Why there can be no PipeWire of a test's own here, with the command that helps; None where there can."""
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not lacking:
        elements = ("pipewiresrc", "videotestsrc")
        lacking = [
            each for each in elements if subprocess.run(["gst-inspect-1.0", each], capture_output=True).returncode
        ]
    if not lacking:
        return None
    return f"not here: {', '.join(lacking)}; apt-get install -y --no-install-recommends dbus {PACKAGES}"


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)


def children(name: str) -> list[int]:
    """This process's own children that run a program of that name."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            if child.name() == name:
                found.append(child.pid)
    return found


@dataclass
class PipeWire:
    """One private instance, with `cameras` that are PipeWire's own; it says of each which device it is.

    All of it runs as a user, with `groups` besides his own.
    """

    folder: Path
    uid: int
    cameras: Mapping[str, Path] = field(default_factory=dict)
    groups: Sequence[int] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    daemon: subprocess.Popen[bytes] | None = None

    @property
    def instance(self) -> Instance:
        """Where it is found."""
        return Instance(self.uid, str(self.folder))

    def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Start daemon and session manager, and wait for both; `pass_fds` the daemon has open from the beginning."""
        self._configure()
        self.daemon = self.run("pipewire", pass_fds=pass_fds)
        wait_for((self.folder / "pipewire-0").exists, "PipeWire's socket")
        self.run("dbus-run-session", "--", "wireplumber")
        wait_for(lambda: b"wireplumber.daemon" in self.dump(), "WirePlumber's start")

    def _configure(self) -> None:
        objects = "\n".join(
            f"{{ factory = spa-node-factory args = {{ factory.name = videotestsrc node.name = {name} "
            f'media.class = Video/Source media.role = Camera api.v4l2.path = "{path}" }} }}'
            for name, path in self.cameras.items()
        )
        folder = self.folder / ".config/pipewire/pipewire.conf.d"
        folder.mkdir(parents=True, exist_ok=True)
        libraries = "context.spa-libs = { videotestsrc = videotestsrc/libspa-videotestsrc }"
        (folder / "cameras.conf").write_text(f"{libraries}\ncontext.objects = [\n{objects}\n]\n")

    def dump(self) -> bytes:
        """Everything there is, as pw-dump tells it."""
        start = self.instance.launch("pw-dump")
        told: bytes = subprocess.run(start.command, **start.options, capture_output=True).stdout
        return told

    def stop(self) -> None:
        """End daemon, session manager and whoever uses them."""
        for process in reversed(self.processes):
            if process.poll() is None:  # with its group: dbus-run-session leaves its bus behind
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()
        for left in self.folder.glob("pipewire-0*"):
            left.unlink()

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Run something in this session."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
            **(env or {}),
        }
        log: IO[bytes] = (self.folder / "log").open("ab")
        with log:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
                process_group=0,
                user=self.uid,
                group=self.uid,
                extra_groups=self.groups if os.geteuid() == 0 else None,
            )
        self.processes.append(process)
        return process

    def source(self, name: str, *, role: str | None = "Camera", **properties: str) -> subprocess.Popen[bytes]:
        """A source of pictures: a camera, or with another role or none what a shared screen is."""
        told = {"media.class": "Video/Source", "node.name": name, **properties}
        if role is not None:
            told["media.role"] = role
        words = ",".join(f"{key}={value}" for key, value in told.items())
        sink = f'pipewiresink mode=provide stream-properties="props,{words}"'
        process = self.run("gst-launch-1.0", "-q", *f"videotestsrc is-live=true ! {_FORMAT} ! {sink}".split())
        wait_for(lambda: f'"{name}"'.encode() in self.dump(), f"the source {name}")
        return process

    def viewer(self, source: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A program that takes a source's pictures."""
        taken = _FROM_CAMERA if source in self.cameras else _FROM_SOURCE
        line = f"pipewiresrc target-object={source} ! {taken} ! fakesink"
        return self.run("gst-launch-1.0", "-q", *line.split(), env=env)

    def camera_of(self, node: Path) -> str:
        """What PipeWire calls the camera of a V4L2 node; waits until the session manager has found it."""
        found: list[str] = []

        def there() -> bool:
            told = [_properties(each) for each in json.loads(self.dump() or b"[]")]
            found[:] = [
                each["node.name"]
                for each in told
                if each.get("media.role") == "Camera" and each.get("api.v4l2.path") == str(node)
            ]
            return bool(found)

        wait_for(there, f"a camera of {node}")
        return found[0]

    def link(self, source: str, viewer: subprocess.Popen[bytes]) -> None:
        """Connect a viewer, which was cut off, again."""
        objects = json.loads(self.dump())
        clients = {each["id"] for each in objects if _properties(each).get("pipewire.sec.pid") == viewer.pid}
        (sink,) = [
            each["id"]
            for each in objects
            if each["type"].endswith(":Node") and _properties(each).get("client.id") in clients
        ]
        (port,) = [
            each["id"] for each in objects if _properties(each).get("node.id") == sink and "Port" in each["type"]
        ]
        ports = {
            _properties(each).get("node.id"): each["id"] for each in objects if each["type"].endswith(":Port")
        }  # fmt: skip
        (camera,) = [each["id"] for each in objects if _properties(each).get("node.name") == source]
        start = self.instance.launch("pw-link", str(ports[camera]), str(port))
        subprocess.run(start.command, **start.options, check=True)


def _properties(told: dict[str, Any]) -> dict[str, Any]:
    info = told.get("info") or {}
    properties: dict[str, Any] = info.get("props") or {}
    return properties


@contextmanager
def pipewire(
    folder: Path,
    uid: int | None = None,
    cameras: Mapping[str, Path] | None = None,
    pass_fds: Sequence[int] = (),
    groups: Sequence[int] = (),
) -> Iterator[PipeWire]:
    """A private instance that is there for as long as the context is; its folder is made for it."""
    uid = os.geteuid() if uid is None else uid
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, -1)
    private = PipeWire(folder, uid, cameras or {}, groups)
    try:
        private.start(pass_fds)
        yield private
    finally:
        private.stop()
