"""Many opens at once: afterwards the guard must believe what is true, and have everybody in its journal."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from camguard.core.model import State
from camguard.guard import Guard
from camguard.journal import chain
from camguard.platform.linux import fanotify
from camguard.platform.linux.holders import HolderFinder
from camguard.platform.linux.procfs import ProcessReader
from tests.bench.programs import NO_COMPILER, Scope, compiled
from tests.bench.report import Finding, Row, Target, say
from tests.bench.stage import PATIENCE_S, Stage, guarding
from tests.support.journal_data import bodies

MANY = 50
OPENS_EACH = 20
LEAD_S = 1.0
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Storm:
    """What happens: each program opens `opens` times as fast as it can; those in `keeps` hold the camera at the end."""

    name: str
    programs: Sequence[Path]
    opens: int
    keeps: frozenset[int]


@dataclass(slots=True)
class Course:
    """How it went."""

    pids: list[int] = field(default_factory=list)
    keepers: set[int] = field(default_factory=set)
    took_s: float = 0.0
    caught_up_ms: float | None = None
    grew_mib: float = 0.0
    peak_mib: float = 0.0


def run(scope: Scope) -> Finding:
    """Every storm, as root and as a user."""
    opener = compiled("opener", scope.folder)
    if opener is None:
        return Finding(missing=[NO_COMPILER])
    half = frozenset(range(0, MANY, 2))
    opens = scope.pick(100_000, 20_000)
    storms = (
        Storm(f"{opens:,} opens by one process", [opener], opens, frozenset({0})),
        Storm(f"{MANY} programs at once", _copies(opener, scope.folder), OPENS_EACH, half),
        Storm(f"{MANY} processes of one program at once", [opener] * MANY, OPENS_EACH, half),
    )
    finding = Finding()
    if not fanotify.available():
        finding.missing.append("storms as root: run it as root (fanotify)")
    for privileged in (True, False) if fanotify.available() else (False,):
        for number, storm in enumerate(storms[: scope.pick(3, 2)]):
            name = f"{'root' if privileged else 'user'}, {storm.name}"
            say(f"storm: {name}")
            stage = Stage(scope, f"storm-{privileged}-{number}")
            faults: list[str] = []
            course = asyncio.run(_play(stage, storm, privileged, scope.pick(3, 1), faults))
            said = _read_back(stage, storm, course, privileged, faults)
            finding.rows += _rows(name, course, said, not faults)
            finding.faults += [f"{name}: {fault}" for fault in faults]
    return finding


def _copies(opener: Path, folder: Path) -> list[Path]:
    """The same program under many names: to the guard each is an app of its own."""
    return [Path(shutil.copy(opener, folder / f"opener-{number:02}")) for number in range(MANY)]


async def _play(stage: Stage, storm: Storm, privileged: bool, settle_s: int, faults: list[str]) -> Course:
    course = Course()
    guard = stage.guard(privileged=privileged)
    async with guarding(guard):
        with _openers(stage, storm, course) as processes:
            before = _begin_peak_anew()
            began, ended = await asyncio.to_thread(_times, processes)
            course.took_s = (ended - began) / 1e9
            truth = await asyncio.to_thread(_holders, stage)
            if truth != course.keepers:
                faults.append(f"a fresh scan finds {len(truth)} holders, not {len(course.keepers)}")
            course.caught_up_ms = await _caught_up(guard, course.keepers, ended)
            await asyncio.sleep(settle_s)
            believed, truth = _believed(guard), await asyncio.to_thread(_holders, stage)
            if believed != truth:
                faults.append(f"the guard believes {sorted(believed)}, a fresh scan finds {sorted(truth)}")
            course.peak_mib, course.grew_mib = _memory("VmHWM") - before, _memory("VmRSS") - before
        if await _caught_up(guard, set(), time.monotonic_ns(), nobody=True) is None:
            faults.append(f"when all were gone the guard still believed in {sorted(_believed(guard))}")
        await asyncio.sleep(settle_s)
    return course


@contextmanager
def _openers(stage: Stage, storm: Storm, course: Course) -> Iterator[list[subprocess.Popen[bytes]]]:
    start = time.monotonic_ns() + int(LEAD_S * 1e9)
    with ExitStack() as stack:
        processes = []
        for number, program in enumerate(storm.programs):
            keep = number in storm.keeps
            command = [str(program), "burst", str(stage.path), str(storm.opens), str(int(keep)), str(start)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            processes.append(stack.enter_context(process))
            course.pids.append(process.pid)
            course.keepers |= {process.pid} if keep else set()
        if time.monotonic_ns() > start:
            raise RuntimeError("this machine is too slow to start the openers in time")
        yield processes


def _times(processes: list[subprocess.Popen[bytes]]) -> tuple[int, int]:
    """When the first of all began to open, and when the last was done."""
    lines = [process.stdout.readline().split() for process in processes if process.stdout is not None]
    return (min(int(began) for began, _ in lines), max(int(ended) for _, ended in lines))


async def _caught_up(guard: Guard, truth: set[int], since_ns: int, *, nobody: bool = False) -> float | None:
    """Milliseconds until the guard believes the truth; None where it never does."""
    for _ in range(int(PATIENCE_S / POLL_S)):
        if _believed(guard) == truth and not (nobody and guard._book.live):
            return (time.monotonic_ns() - since_ns) / 1e6
        await asyncio.sleep(POLL_S)
    return None


def _believed(guard: Guard) -> set[int]:
    """Whom the guard takes for holders; an unknown one is pid 0."""
    holders = {holder for case in guard._book.live for holder in case.activation.holders}
    return {0 if holder.identity is None else holder.identity.pid for holder in holders}


def _holders(stage: Stage) -> set[int]:
    grips = HolderFinder(ProcessReader()).scan([stage.node], mappings=True).grips
    return {grip.process.identity.pid for grip in grips if grip.process.identity is not None}


@dataclass(slots=True)
class Said:
    """What the journal says: entries, opens told apart, and each activation's last state."""

    entries: int = 0
    pids: set[int] = field(default_factory=set)
    opens: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)


def _read_back(stage: Stage, storm: Storm, course: Course, privileged: bool, faults: list[str]) -> Said:
    """The journal after the guard has gone, held against what happened."""
    said = Said()
    for _, body in bodies(stage.journal_path):
        data = json.loads(body)["data"]
        said.entries += 1
        if data.get("activation") is not None:
            said.pids |= {data["process"]["pid"], *data["holders"]}
            said.opens[data["activation"]] = data["opens"]
            said.states[data["activation"]] = data["state"]
    if not chain.verify(stage.journal_path).ok:
        faults.append("the journal's chain does not hold")
    live = [number for number, state in said.states.items() if State(state).live]
    if live:
        faults.append(f"the journal leaves {', '.join(live)} unfinished")
    _account(storm, course, said, privileged, faults)
    return said


def _account(storm: Storm, course: Course, said: Said, privileged: bool, faults: list[str]) -> None:
    """Root: everybody who opened. A user is told no pids: whoever held the camera long enough to be found.

    Many processes of one program are one app's one use: there the number of its opens has to account for them.
    """
    wanted = set(course.pids) if privileged else course.keepers
    if len(set(storm.programs)) == len(storm.programs):
        missing = wanted - said.pids
        if missing:
            faults.append(f"{len(missing)} of {len(wanted)} openers are not in the journal: {sorted(missing)}")
    elif sum(said.opens.values()) < len(wanted):
        faults.append(f"the journal tells of {sum(said.opens.values())} opens by {len(wanted)} processes")


def _rows(name: str, course: Course, said: Said, sound: bool) -> list[Row]:
    caught_up = course.caught_up_ms if course.caught_up_ms is not None else float("inf")
    note = (
        f"opening took {course.took_s:.2f} s; the journal has {said.entries} entries of {len(said.states)} uses; "
        f"memory grew by {course.grew_mib:.1f} MiB, {course.peak_mib:.1f} MiB at most"
    )
    return [Row(f"{name}: caught up after", "ms", caught_up, target=Target("nothing lost", sound), note=note)]


def _begin_peak_anew() -> float:
    """Have VmHWM begin at what is resident now, which is returned; see proc(5)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(field_name: str) -> float:
    """One of this process's sizes in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field_name:
            return int(value.split()[0]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field_name}")
