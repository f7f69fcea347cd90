"""From open() to knowing who it was, and to having that on disk."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from asyncio.subprocess import PIPE
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from camguard.core.events import Kind
from camguard.platform.linux import fanotify
from camguard.platform.linux.nodewatch import Hints, Mailbox
from tests.bench.programs import NO_COMPILER, Scope, compiled, crowd
from tests.bench.report import Finding, Peer, Target, median, percentile, row
from tests.bench.stage import Ear, Stage, guarding, sensing

WORKERS, GAP_US, HOLD_US = 4, 1_500, 200
PAUSE_S = 0.1
PROCESSES = 100
MEDIAN_TIMES, P99_TIMES = 8, 20
USER_MS, JOURNAL_MS = 5, 10
NEEDS_ROOT = "open -> event as root: run it as root (fanotify)"

Times = Mapping[int, list[int]]
"""For each pid, when it opened or was told of, in order."""


def run(scope: Scope) -> Finding:
    """All latencies."""
    opener, floor, sleepers = (compiled(name, scope.folder) for name in ("opener", "floor", "sleepers"))
    if opener is None or floor is None or sleepers is None:
        return Finding(missing=[NO_COMPILER])
    finding = Finding()
    with crowd(sleepers, PROCESSES) as total:
        if fanotify.available():
            asyncio.run(_as_root(scope, opener, floor, finding))
        else:
            finding.missing.append(NEEDS_ROOT)
        asyncio.run(_as_user(scope, opener, total, finding))
        asyncio.run(_journalled(scope, opener, total, finding))
    return finding


async def _as_root(scope: Scope, opener: Path, floor: Path, finding: Finding) -> None:
    """The floor is taken before and after, so that a machine that grows busier meets both."""
    count = scope.pick(1_500, 300)
    stage = Stage(scope, "latency-root")
    lowest = await _floor(stage, opener, floor, count // 2, finding)
    with _watched() as known:
        async with sensing(stage.sensor(privileged=True)) as ear:
            opened = await _paced(opener, stage.path, count)
            await asyncio.sleep(1)
    lowest += await _floor(stage, opener, floor, count // 2, finding)
    peer = Peer("C fanotify", median(lowest))
    finding.rows.append(row("C fanotify, open -> pid and pidfd", "µs", lowest))
    taken, lost = _answered(opened, known)
    finding.expect(not lost, f"as root {lost} of {count} opens were never seen with pid, name and exe")
    words = f"median <= {MEDIAN_TIMES}x, p99 <= {P99_TIMES}x"
    good = median(taken) <= MEDIAN_TIMES * peer.median and percentile(taken, 99) <= P99_TIMES * peer.median
    finding.rows.append(row("root, open -> pid, name, exe", "µs", taken, peer, Target(words, good), _p99(taken, peer)))
    told, lost = _answered(opened, _tellings(ear))
    finding.expect(not lost, f"as root {lost} of {count} opens were never told of with pid, name and exe")
    finding.rows.append(
        row("root, open -> sighting with all of it delivered", "µs", told, peer, None, _p99(told, peer))
    )


def _p99(taken: list[float], peer: Peer) -> str:
    return f"p99 is {percentile(taken, 99) / peer.median:.1f}x the floor's median"


@contextmanager
def _watched() -> Iterator[Times]:
    """When the watch had an opener's facts, in its own thread, as the C program has them; before anybody is told."""
    times: defaultdict[int, list[int]] = defaultdict(list)
    put = Mailbox.put

    def stamped(box: Mailbox, path: str, hints: Hints) -> None:
        at = time.monotonic_ns()
        for process in hints.openers.values():
            if process.identity is not None and process.name and process.exe:
                times[process.identity.pid].append(at)
        put(box, path, hints)

    with patch.object(Mailbox, "put", stamped):
        yield times


async def _floor(stage: Stage, opener: Path, floor: Path, count: int, finding: Finding) -> list[float]:
    process = await asyncio.create_subprocess_exec(floor, stage.path, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    if await process.stdout.readline() != b"ready\n":
        raise RuntimeError("the C fanotify program did not start")
    opened = await _paced(opener, stage.path, count)
    said, _ = await process.communicate(b"")
    taken, lost = _answered(opened, _by_pid(said))
    finding.expect(not lost, f"the C floor missed {lost} of {count} opens; this bench is at fault")
    return taken


async def _paced(opener: Path, node: Path, count: int) -> Times:
    """Opens by processes that take turns; when each was."""
    words = [str(word) for word in (WORKERS, count, GAP_US, HOLD_US)]
    process = await asyncio.create_subprocess_exec(opener, "paced", node, *words, stdout=PIPE)
    said, _ = await process.communicate()
    opened = _by_pid(said)
    if process.returncode != 0 or sum(map(len, opened.values())) != count:
        raise RuntimeError("the opener failed")
    return opened


def _by_pid(lines: bytes) -> Times:
    times: defaultdict[int, list[int]] = defaultdict(list)
    for line in lines.splitlines():
        pid, at = line.split()
        times[int(pid)].append(int(at))
    return times


def _tellings(ear: Ear) -> Times:
    """When each process was told of as an opener, with all that an event has to say."""
    times: defaultdict[int, list[int]] = defaultdict(list)
    for at, seen in ear.sightings:
        for process in seen.openers:
            if process.identity is not None and process.name and process.exe:
                times[process.identity.pid].append(at)
    return times


def _answered(opened: Times, told: Times) -> tuple[list[float], int]:
    """From each open to the next that was told of its process, in microseconds; and how many were never answered."""
    taken, lost = [], 0
    for pid, opens in opened.items():
        events = told.get(pid, [])
        for begun in opens:
            at = bisect_left(events, begun)
            if at == len(events):
                lost += 1
            else:
                taken.append((events[at] - begun) / 1e3)
    return taken, lost


async def _as_user(scope: Scope, opener: Path, total: int, finding: Finding) -> None:
    stage = Stage(scope, "latency-user")
    taken = []
    async with sensing(stage.sensor(privileged=False)) as ear:
        with _obedient(opener, stage.path) as visitor:
            for _ in range(scope.pick(200, 30)):
                taken += await _one_sighted(ear, visitor, finding)
                await asyncio.sleep(PAUSE_S)
    if taken:
        target = Target(f"median <= {USER_MS} ms", median(taken) <= USER_MS)
        finding.rows.append(row(f"user, open -> pid, name, exe; {total} processes", "ms", taken, None, target))


async def _one_sighted(ear: Ear, visitor: Visitor, finding: Finding) -> list[float]:
    """One open and close; the milliseconds until a sighting told of its holder, none where none did."""
    since = len(ear.sightings)
    visitor.say("o")
    seen = await ear.until(lambda: _held_at(ear, since, visitor.pid) is not None)
    finding.expect(seen, "as a user an open was never told of with pid, name and exe")
    at, opened_at = _held_at(ear, since, visitor.pid), visitor.opened_at()
    visitor.say("c")
    gone = await ear.until(lambda: not ear.sightings[-1][1].holders)
    finding.expect(gone, "as a user a close was never told of")
    return [] if at is None else [(at - opened_at) / 1e6]


def _held_at(ear: Ear, since: int, pid: int) -> int | None:
    for at, seen in ear.sightings[since:]:
        for process in (holder.process for holder in seen.holders):
            if process.identity is not None and process.identity.pid == pid and process.name and process.exe:
                return at
    return None


async def _journalled(scope: Scope, opener: Path, total: int, finding: Finding) -> None:
    """Without a linger each open is an activation of its own: told of when it is committed, over when it is closed."""
    stage = Stage(scope, "latency-journal", linger="0s")
    privileged = fanotify.available()
    taken, lowest = [], []
    async with guarding(stage.guard(privileged=privileged)) as ear:
        with _obedient(opener, stage.path) as visitor, _plain_commits(stage.folder) as plain:
            for _ in range(scope.pick(200, 30)):
                taken += await _one_committed(ear, visitor, finding)
                await asyncio.sleep(PAUSE_S / 2)
                lowest.append(plain.commit_ms())
                await asyncio.sleep(PAUSE_S / 2)
    finding.rows.append(row("plain SQLite commit (WAL, FULL)", "ms", lowest))
    if taken:
        how = "root" if privileged else "user"
        peer = Peer("plain SQLite commit", median(lowest))
        target = Target(f"median <= {JOURNAL_MS} ms", median(taken) <= JOURNAL_MS)
        finding.rows.append(row(f"{how}, open -> committed; {total} processes", "ms", taken, peer, target))


async def _one_committed(ear: Ear, visitor: Visitor, finding: Finding) -> list[float]:
    """One open and close; the milliseconds until it was committed, none where it never was."""
    since = len(ear.reports)
    visitor.say("o")
    committed = await ear.until(lambda: _reported(ear, since, Kind.OPENED) is not None)
    finding.expect(committed, "an open never reached the journal")
    at, opened_at = _reported(ear, since, Kind.OPENED), visitor.opened_at()
    visitor.say("c")
    finding.expect(await ear.until(lambda: _over(ear, since)), "a close never reached the journal")
    return [] if at is None else [(at - opened_at) / 1e6]


def _reported(ear: Ear, since: int, *kinds: Kind) -> int | None:
    return next((at for at, report in ear.reports[since:] if report.kind in kinds), None)


def _over(ear: Ear, since: int) -> bool:
    """Whether the use is over and its judgement written too."""
    return all(_reported(ear, since, *kinds) is not None for kinds in ((Kind.PROBE, Kind.ENDED), (Kind.JUDGED,)))


@dataclass(frozen=True, slots=True)
class Visitor:
    """A process that opens and closes at a word."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its pid."""
        return self.process.pid

    def say(self, word: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode())
        self.process.stdin.flush()

    def opened_at(self) -> int:
        """When its last open began."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def _obedient(opener: Path, node: Path) -> Iterator[Visitor]:
    command = [str(opener), "told", str(node)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Visitor(process)


class _Plain:
    """The least that a durable row costs: one insert, one commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB)")

    def commit_ms(self, body: str = "x" * 1_500) -> float:
        """Commit one row, as long as an entry is; the milliseconds that took."""
        begun = time.monotonic_ns()
        self._connection.execute("INSERT INTO entries (body, hash) VALUES (?, ?)", (body, bytes(32)))
        return (time.monotonic_ns() - begun) / 1e6


@contextmanager
def _plain_commits(folder: Path) -> Iterator[_Plain]:
    with closing(sqlite3.connect(folder / "plain.db", isolation_level=None)) as connection:
        yield _Plain(connection)
