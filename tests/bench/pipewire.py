"""A camera behind PipeWire: from an active link to the activation of whose it is, and what following PipeWire costs.

PipeWire is one of the bench's own, with WirePlumber, a pretend camera and programs of GStreamer that use it. The link
counts as active when another `pw-dump --monitor`, beside the guard's own, says so: by then PipeWire has told it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from camguard.core.events import Kind, Report
from camguard.core.model import Process
from camguard.platform.linux.brokers import Brokers
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.pipewire.documents import Decoder, End
from camguard.platform.linux.pipewire.graph import Graph
from camguard.platform.linux.pipewire.monitor import Monitor
from camguard.platform.linux.procfs import ProcessReader
from camguard.platform.linux.sensor import LinuxSensor
from tests.bench.idle import cost_of
from tests.bench.programs import CAMGUARD, Scope, environment
from tests.bench.report import Finding, Peer, Row, Target, median, row, say
from tests.bench.stage import Ear, Stage, guarding
from tests.support import pipewire
from tests.support.pipewire import PipeWire, wait_for

LINK_MS, ADDED_MIB = 100, 6
_CAMERA = "eye"
_MINUTE_S = 60


def run(scope: Scope) -> Finding:
    """All of it on one instance; each use is by a program of its own."""
    finding = Finding()
    lacking = pipewire.missing()
    if lacking is not None:
        finding.missing.append(f"PipeWire: {lacking}")
        return finding
    stage = Stage(scope, "pipewire")
    with tempfile.TemporaryDirectory() as runtime, _behind_pipewire(Path(runtime) / "run", stage.path) as private:
        asyncio.run(_links(stage, private, scope.pick(30, 5), finding))
        asyncio.run(_from_nothing(private, scope.pick(30, 5), finding))
        _cost(scope, private, finding)
    return finding


@contextmanager
def _behind_pipewire(folder: Path, node: Path) -> Iterator[PipeWire]:
    """The camera in PipeWire's hands, as far as the kernel can tell."""
    held = os.open(node, os.O_RDWR)
    try:
        with pipewire.pipewire(folder, cameras={_CAMERA: node}, pass_fds=(held,)) as private:
            os.close(held)
            held = -1
            yield private
    finally:
        if held >= 0:
            os.close(held)


async def _links(stage: Stage, private: PipeWire, times: int, finding: Finding) -> None:
    guard = stage.guard(privileged=os.geteuid() == 0)
    brokers = Brokers(ProcessReader(), lambda _: private.instance)
    guard.platform = replace(
        guard.platform, sensor=LinuxSensor(stage.source, LinuxClock(), tracefs=None, brokers=brokers)
    )
    taken: list[float] = []
    viewers: list[int] = []
    async with guarding(guard) as ear, _beside(private) as beside:
        for _ in range(times):
            viewer = private.viewer(_CAMERA)
            viewers.append(viewer.pid)
            sound = await ear.until(lambda pid=viewer.pid: _told(ear, pid, Kind.OPENED) is not None)  # type: ignore[misc]
            told = _told(ear, viewer.pid, Kind.OPENED)
            finding.expect(sound, f"the use by {viewer.pid} through PipeWire was not told")
            if told is not None:
                taken.append((told - await beside.active(viewer.pid)) / 1e6)
            viewer.kill()
            await ear.until(lambda pid=viewer.pid: _told(ear, pid, Kind.ENDED, Kind.PROBE) is not None)  # type: ignore[misc]
        blamed = {_whose(each).pid for _, each in ear.reports if each.kind is Kind.OPENED} - {*viewers}
    finding.expect(not blamed, f"uses by {blamed} were told, which had none")
    if taken:
        target = Target(f"<= {LINK_MS} ms", median(taken) <= LINK_MS)
        finding.rows.append(row("link active -> activation by the client, on disk", "ms", taken, target=target))


def _told(ear: Ear, pid: int, *kinds: Kind) -> int | None:
    """When the guard told this of the process first."""
    return next((at for at, each in ear.reports if each.kind in kinds and _whose(each).pid == pid), None)


def _whose(report: Report) -> Process:
    """Whose use it tells of."""
    return Process(None) if report.activation is None else report.activation.process


class _Beside:
    """Another monitor of the same instance."""

    def __init__(self) -> None:
        self._active: dict[int, int] = {}
        self._news = asyncio.Event()

    async def active(self, pid: int) -> int:
        """When a client's link was said to be active first (CLOCK_MONOTONIC, nanoseconds); waits for it."""
        while pid not in self._active:
            self._news.clear()
            await self._news.wait()
        return self._active[pid]

    async def follow(self, output: asyncio.StreamReader) -> None:
        """Take in what it says, until it ends."""
        decoder, graph = Decoder(), Graph()
        while chunk := await output.read(1 << 16):
            at = time.monotonic_ns()
            for item in decoder.feed(chunk):
                if not isinstance(item, End):
                    graph.apply(item)
            clients = [each.client for use in graph.uses() for each in use.consumers]
            for pid in [client.pid for client in clients if client is not None]:
                if pid is not None:
                    self._active.setdefault(pid, at)
            self._news.set()


@asynccontextmanager
async def _beside(private: PipeWire) -> AsyncIterator[_Beside]:
    start = private.instance.launch("pw-dump", "--monitor")
    process = await asyncio.create_subprocess_exec(*start.command, **start.options, stdout=subprocess.PIPE)
    assert process.stdout is not None
    beside = _Beside()
    task = asyncio.create_task(beside.follow(process.stdout))
    try:
        yield beside
    finally:
        process.kill()
        await process.wait()
        await task


async def _from_nothing(private: PipeWire, times: int, finding: Finding) -> None:
    """How long it takes until PipeWire's state is known, where nobody followed it before."""
    taken, floors = [], []
    for _ in range(times):
        floors.append(await asyncio.to_thread(_alone_ms, private))
        known = asyncio.Event()
        monitor = Monitor(private.instance, known.set)
        begun = time.perf_counter()
        task = asyncio.create_task(monitor.run())
        await known.wait()
        taken.append((time.perf_counter() - begun) * 1000)
        finding.expect(monitor.uses is not None, f"PipeWire's state was not known: {monitor.trouble}")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finding.rows.append(row("not followed -> its state known", "ms", taken, peer=Peer("pw-dump alone", median(floors))))


def _alone_ms(private: PipeWire) -> float:
    start = private.instance.launch("pw-dump")
    begun = time.perf_counter()
    subprocess.run(start.command, **start.options, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - begun) * 1000


def _cost(scope: Scope, private: PipeWire, finding: Finding) -> None:
    """Two guards over the same minute: one with a use through PipeWire, one with the same use without it."""
    seconds = scope.pick(_MINUTE_S, 6)
    stage = Stage(scope, "pipewire-not")
    with (
        _watching(stage, private) as (plain, direct),
        _watching_behind(scope, private) as (follower, through),
        _holding(stage.path) as holder,
        _using(private) as viewer,
    ):
        wait_for(lambda: f'"pid":{holder.pid},'.encode() in direct.read_bytes(), "the use without PipeWire is told")
        wait_for(lambda: f'"pid":{viewer.pid},'.encode() in through.read_bytes(), "the use through PipeWire is told")
        pids = (plain, follower, *_children(follower, "pw-dump"))
        time.sleep(4)
        before = cost_of(pids[2]).cpu_ns
        say(f"pipewire: {seconds} s")
        time.sleep(seconds)
        now = [cost_of(pid) for pid in pids]
    dump = (now[2].cpu_ns - before) / 1e9 * _MINUTE_S / seconds
    more = now[1].proportional - now[0].proportional
    added = more + now[2].proportional
    words = f"pw-dump {now[2].proportional:.1f} MiB, the guard {more:.1f} MiB more; shared pages by share"
    small = Target(f"<= {ADDED_MIB} MiB", added <= ADDED_MIB)
    finding.rows += [
        Row("memory added while PipeWire is followed", "MiB", added, target=small, note=words),
        Row("pw-dump, while a use goes on: CPU a minute", "s", dump, target=Target("0 s", dump == 0)),
    ]


@contextmanager
def _holding(node: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has a camera open by itself."""
    words = [sys.executable, "-c", "import sys; node = open(sys.argv[1], 'r+b', 0); sys.stdin.read()", str(node)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        yield process


@contextmanager
def _using(private: PipeWire) -> Iterator[subprocess.Popen[bytes]]:
    viewer = private.viewer(_CAMERA)
    try:
        yield viewer
    finally:
        viewer.kill()


@contextmanager
def _watching_behind(scope: Scope, private: PipeWire) -> Iterator[tuple[int, Path]]:
    """A guard over the camera that PipeWire has."""
    stage = Stage(scope, "pipewire-watched")
    text = stage.config_file.read_text()
    folder = str(next(iter(private.cameras.values())).parent)
    stage.config_file.write_text(text.replace(str(stage.path.parent), folder))
    with _watching(stage, private) as found:
        yield found


@contextmanager
def _watching(stage: Stage, private: PipeWire) -> Iterator[tuple[int, Path]]:
    words = [*CAMGUARD, "--config", str(stage.config_file), "watch", "--json"]
    output = stage.folder / "watch.jsonl"
    found = {**environment(), "PIPEWIRE_RUNTIME_DIR": str(private.folder)}
    with output.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=found)
    with process:
        try:
            wait_for(lambda: b"camera.added" in output.read_bytes(), "the guard's first look")
            yield process.pid, output
        finally:
            process.terminate()


def _children(pid: int, name: str) -> Sequence[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in children if Path(f"/proc/{child}/comm").read_text().strip() == name]
