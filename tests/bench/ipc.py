"""The service's socket: how long a call takes, how many events reach how many subscribers, and what a client costs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from camguard.ipc import calls, client
from camguard.ipc.client import Client
from tests.bench.programs import NO_COMPILER, ROOT, Scope, compiled, environment
from tests.bench.report import Finding, Peer, Row, Target, median, row, say

CALL_MS = 0.5
CROWD, CROWD_RATE = 1_000, 1
FEW, FEW_RATE = (1, 16), 1_000
ON_TIME = 1.1
"""A rate is sustained when telling took no more than a tenth longer than it should."""


@dataclass(frozen=True, slots=True)
class Program:
    """A child that is told what to do, and says what came of it, a line each."""

    process: subprocess.Popen[str]

    def tell(self, line: str) -> None:
        """Say what to do."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """The next line; RuntimeError where there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended by itself")
        return line

    def cpu_s(self) -> float:
        """Seconds of a processor that it has used."""
        return sum(
            int(task.joinpath("schedstat").read_text().split()[0]) / 1e9
            for task in Path(f"/proc/{self.process.pid}/task").iterdir()
        )

    def resident_kib(self) -> float:
        """Resident memory, KiB."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1024


@dataclass(frozen=True, slots=True)
class Told:
    """What became of events told to subscribers."""

    missed: int
    on_time: bool
    cpu_share: float


def run(scope: Scope) -> Finding:
    """Calls first, then subscribers: few with many events, many with few."""
    finding = Finding()
    _calls(scope, finding)
    for count in FEW:
        _events(scope, finding, count, FEW_RATE)
    _events(scope, finding, CROWD, CROWD_RATE)
    return finding


# Calls.


def _calls(scope: Scope, finding: Finding) -> None:
    """The floor is the same bytes, by the same Python, to an echo in C: what a call costs beyond the socket."""
    say("ipc: calls")
    echo = compiled("echo", scope.folder)
    if echo is None:
        finding.missing.append(NO_COMPILER)
        return
    with ExitStack() as stack:
        floor_path, path = scope.folder / "echo.sock", scope.folder / "calls.sock"
        stack.enter_context(_program([str(echo), str(floor_path)]))
        stack.enter_context(_server(path))
        plain = stack.enter_context(socket.socket(socket.AF_UNIX))
        plain.connect(str(floor_path))
        asking = stack.enter_context(_client(path))
        asks: dict[str, Callable[[], object]] = {
            "floor": lambda: _echo(plain),
            "ping": lambda: asking.call(calls.Ping()),
            "a call to the service": lambda: asking.call(calls.Info()),
        }
        times: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(scope.pick(10_000, 1_000)):  # in turn, so that whatever the machine does meets all alike
            for name, ask in asks.items():
                begun = time.perf_counter_ns()
                ask()
                times[name].append((time.perf_counter_ns() - begun) / 1e6)
    peer = Peer("C echo", median(times.pop("floor")))
    for name, spent in times.items():
        target = Target(f"<= {CALL_MS} ms", median(spent) <= CALL_MS)
        finding.rows.append(row(f"round trip: {name}", "ms", spent, peer, target))


def _echo(plain: socket.socket) -> None:
    plain.sendall(b'{"call":"ping","id":1000}\n')
    plain.recv(65_536)


# Events.


def _events(scope: Scope, finding: Finding, count: int, rate: int) -> None:
    path = scope.folder / f"events-{count}.sock"
    who = "1 subscriber" if count == 1 else f"{count:,} subscribers"
    say(f"ipc: {who}")
    with _server(path) as server:
        with _client(path) as first:  # what comes with the very first client is no subscriber's
            first.call(calls.Ping())
        before = server.resident_kib()
        command = [sys.executable, "-m", "tests.bench.subscribers", str(path), str(count)]
        with _program(command) as subscribers:
            own = (server.resident_kib() - before) / count
            seconds = scope.pick(20, 3)
            told = _tell(server, subscribers, seconds * rate, rate)
            _judge(finding, who, told, count, rate)
            if count == CROWD:
                finding.rows.append(Row(f"{who}: memory of each", "KiB", own))
            most = _most(server, subscribers, rate, scope.pick(2, 1))
            finding.rows.append(
                Row(f"{who}: most events a second", "/s", most, note=f"{most * count:,} deliveries a second")
            )


def _judge(finding: Finding, who: str, told: Told, count: int, rate: int) -> None:
    finding.expect(told.on_time, f"{who}, {rate}/s: not all heard of all events in time")
    finding.expect(not told.missed, f"{who}, {rate}/s: {told.missed} deliveries were missed")
    target = Target("none missed", told.on_time and not told.missed)
    finding.rows.append(Row(f"{who}, {rate:,} events a second: missed", "", told.missed, target=target, count=count))
    finding.rows.append(Row(f"{who}, {rate:,} events a second: CPU of the server", "%", told.cpu_share * 100))


def _most(server: Program, subscribers: Program, rate: int, seconds: int) -> int:
    """The highest of doubled rates at which none was missed and telling kept its time."""
    while True:
        told = _tell(server, subscribers, max(1, rate * 2 * seconds), rate * 2)
        if told.missed or not told.on_time:
            return rate
        rate *= 2


def _tell(server: Program, subscribers: Program, events: int, rate: int) -> Told:
    before, begun = server.cpu_s(), time.monotonic()
    subscribers.tell(str(events))
    server.tell(f"{events} {rate}")
    took = float(server.said())
    found = json.loads(subscribers.said())
    share = (server.cpu_s() - before) / (time.monotonic() - begun)
    return Told(found["missed"], found["all"] and took <= events / rate * ON_TIME, share)


# Programs.


@contextmanager
def _program(command: Sequence[str]) -> Iterator[Program]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    ) as process:
        try:
            program = Program(process)
            program.said()
            yield program
        finally:
            process.kill()


@contextmanager
def _server(path: Path) -> Iterator[Program]:
    with _program([sys.executable, "-m", "tests.support.lone_server", str(path)]) as program:
        yield program


def _client(path: Path) -> Client:
    found = client.connect(path, trusted_uids=frozenset({os.getuid()}))
    if found is None:
        raise RuntimeError("the server that was started does not answer")
    return found
