"""Pretend cameras and real processes that use them, for the tests of detection."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from camguard.core.events import HoldersSeen, Sighting
from camguard.core.model import Camera, CameraId, Holder, Node, Process
from camguard.errors import SensorError
from camguard.platform.linux import fanotify
from camguard.ports import Sensor

PATIENCE_S = 20.0

ACTOR = r"""
import array, ctypes, mmap, os, socket, sys, time
maps, fds = {}, {}
def libc():
    # The mmap module would keep a descriptor of its own.
    lib = ctypes.CDLL(None, use_errno=True)
    lib.mmap.restype = ctypes.c_void_p
    lib.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    return lib
def do(verb, *words):
    if verb == "open":
        fd = os.open(words[0], os.O_RDWR)
        fds[fd] = True
        return fd
    if verb == "close":
        os.close(int(words[0]))
    elif verb == "mmap":
        maps[words[0]] = libc().mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, int(words[0]), 0)
    elif verb == "unmap":
        libc().munmap(ctypes.c_void_p(maps.pop(words[0])), 4096)
    elif verb == "look":
        for _ in range(int(words[1])):
            os.close(os.open(words[0], os.O_RDWR))
    elif verb == "fork":
        child = os.fork()
        if not child:
            os.close(0), os.close(1)
            time.sleep(600)
            os._exit(0)
        return child
    elif verb == "listen":
        s = socket.socket(socket.AF_UNIX)
        s.bind(words[0])
        s.listen()
        fds["listener"] = s
    elif verb == "receive":
        s, _ = fds["listener"].accept()
        got = s.recvmsg(1, socket.CMSG_SPACE(4))[1][0][2]
        return array.array("i", got)[0]
    elif verb == "send":
        s = socket.socket(socket.AF_UNIX)
        s.connect(words[0])
        s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [int(words[1])]))])
    elif verb == "name":
        with open("/proc/self/comm", "wb") as f:
            f.write(bytes.fromhex(words[0]))
    elif verb == "thread":
        import threading
        def work():
            libc().unshare(0x400)
            os.open(words[0], os.O_RDWR)
            opened.set()
            time.sleep(600)
        opened = threading.Event()
        threading.Thread(target=work, daemon=True).start()
        opened.wait()
    elif verb == "path":
        return os.open(words[0], os.O_PATH)
    return 0
for line in sys.stdin:
    print(do(*line.split()), flush=True)
"""


class Actor:
    """A real process that does with a camera what it is told."""

    def __init__(self, *prefix: str) -> None:
        # No -S or site imports: the sooner it is there, the sooner the test goes on.
        command = [*prefix, sys.executable, "-I", "-S", "-c", ACTOR]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self._children: list[int] = []

    def do(self, *words: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = int(self.process.stdout.readline())
        if words[0] == "fork":
            self._children.append(answer)
        return answer

    def leave(self) -> None:
        """End without closing anything by itself, its children alive."""
        self.process.kill()
        self._reap()

    def end(self) -> None:
        for child in self._children:
            os.kill(child, 9)
        self.leave()

    def _reap(self) -> None:
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@dataclass
class PretendSource:
    """Cameras made of plain files."""

    folder: Path
    ids: list[str] = field(default_factory=list)
    told: list[Callable[[], None]] = field(default_factory=list)

    def path(self, name: str = "one") -> Path:
        return self.folder / name

    def add(self, name: str = "one") -> Path:
        path = self.path(name)
        path.write_bytes(bytes(4096))
        if name not in self.ids:
            self.ids.append(name)
        self.tell()
        return path

    def remove(self, name: str = "one") -> None:
        self.path(name).unlink()
        self.ids.remove(name)
        self.tell()

    def tell(self) -> None:
        for changed in self.told:
            changed()

    def cameras(self) -> tuple[Camera, ...]:
        return tuple(Camera(CameraId(name), name.title(), self._nodes(name)) for name in self.ids)

    def _nodes(self, name: str) -> tuple[Node, ...]:
        path = self.path(name)
        try:
            found = path.stat()
        except FileNotFoundError:
            return ()
        return (Node(str(path), (found.st_dev, found.st_ino), pretend=True),)

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.told.append(changed)
        return lambda: self.told.remove(changed)


class Scene:
    """A sensor at work, and what it has delivered."""

    def __init__(self, sensor: Sensor, source: PretendSource) -> None:
        self.sensor = sensor
        self.source = source
        self.seen: list[Sighting] = []
        self._news = asyncio.Event()

    def deliver(self, sighting: Sighting) -> None:
        self.seen.append(sighting)
        self._news.set()

    def of(self, camera: str = "one") -> list[HoldersSeen]:
        return [each for each in self.seen if isinstance(each, HoldersSeen) and each.camera == camera]

    def holders(self, camera: str = "one") -> frozenset[Holder]:
        told = self.of(camera)
        return told[-1].holders if told else frozenset()

    def pids(self, camera: str = "one") -> set[int | None]:
        return {pid_of(holder.process) for holder in self.holders(camera)}

    def openers(self, camera: str = "one") -> list[Process]:
        return [opener for each in self.of(camera) for opener in each.openers]

    def users(self, camera: str = "one") -> set[int | None]:
        """The pids of all who were told to have opened or held the camera."""
        held = [holder.process for each in self.of(camera) for holder in each.holders]
        return {pid_of(process) for process in [*held, *self.openers(camera)]}

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait until what was delivered fits; the test fails where it never does."""
        async with asyncio.timeout(PATIENCE_S):
            while not met():
                self._news.clear()
                await self._news.wait()

    async def until_held_by(self, *pids: int | None, camera: str = "one") -> None:
        await self.until(lambda: bool(self.of(camera)) and self.pids(camera) == set(pids))


def pid_of(process: Process) -> int | None:
    return None if process.identity is None else process.identity.pid


class MakeSensor(Protocol):
    def __call__(self, source: PretendSource) -> Sensor: ...


@dataclass
class Stage:
    """What a test of the contract gets: pretend cameras, actors, and a backend that watches."""

    make: MakeSensor
    source: PretendSource
    actors: list[Actor] = field(default_factory=list)

    def actor(self, *prefix: str) -> Actor:
        self.actors.append(Actor(*prefix))
        return self.actors[-1]

    def play(self, story: Callable[[Scene], Awaitable[None]]) -> Scene:
        """Let a story happen while the sensor watches; it begins when the first look was told."""

        async def act() -> Scene:
            scene = Scene(self.make(self.source), self.source)
            watching = asyncio.create_task(scene.sensor.watch(scene.deliver))
            telling = asyncio.ensure_future(self._tell(scene, story))
            await asyncio.wait({watching, telling}, return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
            telling.cancel()
            results = await asyncio.gather(watching, telling, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                    raise result
            return scene

        return asyncio.run(act())

    async def _tell(self, scene: Scene, story: Callable[[Scene], Awaitable[None]]) -> None:
        await scene.until(lambda: len([each for each in scene.seen if isinstance(each, HoldersSeen)]) >= self._first())
        await story(scene)

    def _first(self) -> int:
        return len(self.source.ids)


@contextmanager
def folder_for_nodes(preferred: Path) -> Iterator[Path]:
    """A folder whose file system fanotify can watch: the preferred one, or else one in memory."""
    probe = preferred / "probe"
    probe.touch()
    try:
        group = fanotify.Group()
    except SensorError:
        yield preferred
        return
    try:
        group.mark(str(probe))
    except OSError:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield Path(folder)
    else:
        yield preferred
    finally:
        group.close()
