"""A day of the service's life in a minute or two, and what it takes: memory, time to begin, and what idling costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from camguard.core.events import Kind
from camguard.core.model import Effect
from camguard.core.power import Power
from camguard.ipc import calls
from camguard.journal.chain import verify
from camguard.journal.entry import Entry
from camguard.journal.queries import Reader
from tests.bench.idle import CPU_S, RESIDENT_MIB, Cost, cost_of
from tests.bench.programs import NO_COMPILER, Scope, compiled, environment
from tests.bench.report import Finding, Peer, Row, Target, median, say
from tests.support.service import said_as_user
from tests.support.service_stage import NOBODY, ServiceStage, until

USES, APPS, AT_ONCE = 4_000, 200, 8
HOLD_US = 80_000
SEEN_SINGLY = 0.98
"""How many uses must be told apart. Of those who end before they could be read, where the machine has too much else to
do, several at once are one use, by an unknown process: that one has to be there."""
ABOUT_NS = 2_000_000_000
"""How much earlier or later than a use the log may have it begin: who cannot be told apart joins others, or is late."""
MINUTE_S = 60
BEAT_S = 40.0  # a third of the unit's WatchdogSec
_ASKS = """
for _ in range(5):
    c.call(calls.Status())
    c.call(calls.Log(limit=500))
    c.call(calls.Entries(limit=500))
"""


def run(scope: Scope) -> Finding:
    """The service as a process of its own, over a pretend camera that the kernel tells of."""
    finding = Finding()
    visitor = compiled("visitor", scope.folder)
    if visitor is None or os.geteuid() != 0:
        finding.missing.append(NO_COMPILER if visitor is None else "the service: it takes root")
        return finding
    folder = scope.nodes / "service"
    folder.mkdir()
    stage = ServiceStage(folder)
    try:
        _starts(stage, finding, scope.pick(20, 3))
        stage.start(beat_s=BEAT_S)
        _settle(stage)
        begun = cost_of(stage.pid)
        day = Day(stage, _apps(visitor, folder, scope.pick(APPS, 20) + 1))
        say(f"service: {scope.pick(USES, 200)} uses")
        day.live(scope.pick(USES, 200))
        _settle(stage)
        rows = _idle(stage, scope.pick(MINUTE_S, 6))
        _memory(finding, begun, cost_of(stage.pid), _peak_mib(stage.pid))
        finding.rows += rows
        stage.stop()
        _judge(stage, finding, day)
    finally:
        stage.close()
    return finding


@dataclass(frozen=True, slots=True)
class Use:
    """A visit to the camera: by whom, and from when to when (CLOCK_BOOTTIME, nanoseconds)."""

    pid: int
    began_ns: int
    ended_ns: int


class Day:
    """What people and programs do with the service from morning to evening."""

    def __init__(self, stage: ServiceStage, apps: Sequence[Path]) -> None:
        self._stage = stage
        *self._apps, self._looker = apps
        self.uses: list[Use] = []

    def live(self, uses: int) -> None:
        """So many uses by ever other programs; meanwhile people look, make rules, and switch the camera."""
        round_ = len(self._apps)
        with ExitStack() as all_day:
            watching = all_day.enter_context(self._stage.client())
            watching.call(calls.Subscribe())
            for begin in range(0, uses, round_):
                self._use(begin, min(uses, begin + round_))
                self._people(begin)

    def _use(self, begin: int, end: int) -> None:
        for at in range(begin, end, AT_ONCE):
            apps = [self._apps[number % len(self._apps)] for number in range(at, min(end, at + AT_ONCE))]
            running = [(_now_ns(), subprocess.Popen([app, self._stage.node, str(HOLD_US)])) for app in apps]
            self.uses += [Use(process.pid, began, _now_ns()) for began, process in running if process.wait() == 0]

    def _people(self, number: int) -> None:
        with self._stage.client() as client, self._stage.client() as other:
            other.call(calls.Subscribe())
            client.call(calls.Status())
            made = [client.call(calls.AddRule(_rule(app))) for app in self._apps[:5]]
            client.call(calls.Log(limit=500, app=self._apps[0].name))
            client.call(calls.Entries(after=number, limit=500))
            client.call(calls.Switch(Power.OFF))
            client.call(calls.Switch(Power.ON, for_s=3600.0))
            client.call(calls.Switch(Power.ON))
            for rule in made:
                client.call(calls.RemoveRule(rule["rule"]["rule"]))
        said_as_user(NOBODY, self._stage.socket, _ASKS)
        until("uses are seen again", self._seen)

    def _seen(self) -> bool:
        """Whether a use is seen: the guard has found the camera again."""
        with subprocess.Popen([self._looker, self._stage.node, str(HOLD_US)]) as process:
            process.wait()
        time.sleep(0.05)
        with Reader(self._stage.journal) as log:
            return any(entry.data["process"]["pid"] == process.pid for entry in log.newest(20) if entry.activation)


def _rule(app: Path) -> calls.NewRule:
    return calls.NewRule(effect=Effect.ALLOW, app=f"executable:{app}", name=app.name)


def _apps(visitor: Path, folder: Path, count: int) -> list[Path]:
    """The same program under as many names, each with another content: to the guard, as many apps."""
    found = []
    for number in range(count):
        app = folder / f"visitor-{number}"
        app.write_bytes(visitor.read_bytes() + str(number).encode())
        app.chmod(0o755)
        found.append(app)
    return found


def _starts(stage: ServiceStage, finding: Finding, rounds: int) -> None:
    """From the start of the process until it says that it guards."""
    say("service: starts")
    times, floors = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        stage.start(beat_s=BEAT_S)
        times.append((time.perf_counter() - begun) * 1000)
        stage.stop()
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True, env=environment())
        floors.append((time.perf_counter() - begun) * 1000)
    peer = Peer("Python alone", median(floors))
    finding.rows.append(Row("start until READY", "ms", median(times), max(times), rounds, peer))


def _memory(finding: Finding, begun: Cost, ended: Cost, peak: float) -> None:
    small = Target(f"<= {RESIDENT_MIB} MiB", ended.resident <= RESIDENT_MIB)
    finding.rows += [
        Row("resident at the start", "MiB", begun.resident, note=_parts(begun)),
        Row("resident after the day, and a minute's rest", "MiB", ended.resident, target=small, note=_parts(ended)),
        Row("resident at most", "MiB", peak),
    ]


def _parts(cost: Cost) -> str:
    shared = cost.resident - cost.own
    return f"its own {cost.own:.1f} MiB, shared {shared:.1f} MiB, proportional {cost.proportional:.1f} MiB"


def _idle(stage: ServiceStage, seconds: int) -> list[Row]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=environment()) as asleep:
        try:
            time.sleep(1)  # a Python has begun by then
            before = cost_of(stage.pid), cost_of(asleep.pid)
            say(f"service: idle for {seconds} s")
            time.sleep(seconds)
            after = cost_of(stage.pid), cost_of(asleep.pid)
        finally:
            asleep.kill()
    share = MINUTE_S / seconds
    cpu, floor = ((now.cpu_ns - was.cpu_ns) / 1e9 * share for was, now in zip(before, after, strict=True))
    wakes, still = ((now.switches - was.switches) * share for was, now in zip(before, after, strict=True))
    cheap = Target(f"<= {CPU_S} s", cpu <= CPU_S)
    return [
        Row("idle: CPU a minute", "s", cpu, peer=Peer("a sleeping Python", floor), target=cheap),
        Row("idle: wake-ups a minute", "", wakes, peer=Peer("a sleeping Python", still)),
    ]


def _judge(stage: ServiceStage, finding: Finding, day: Day) -> None:
    """A service that saw nothing needs nothing."""
    with Reader(stage.journal) as log:
        ended = len(log.entries(0, [Kind.ENDED, Kind.PROBE]))
        began = log.entries(0, [Kind.OPENED])
    singly, lost = _seen(day.uses, began)
    note = f"of {len(day.uses)} by programs that used it once each, {singly} were told apart"
    finding.rows.append(Row("uses in that day", "", len(began), note=note))
    finding.expect(singly >= len(day.uses) * SEEN_SINGLY, f"{len(day.uses)} uses, of which {singly} were told apart")
    finding.expect(not lost, f"{lost} uses are not in the log, not even as an unknown process")
    finding.expect(ended == len(began), f"the log has {len(began)} uses that began, and {ended} that ended")
    finding.expect(verify(stage.journal).ok, "the log does not pass its own check")


def _seen(uses: Sequence[Use], began: Sequence[Entry]) -> tuple[int, int]:
    """How many uses the log tells apart, and how many it does not have at all."""
    times: dict[int | None, list[int]] = {}
    for entry in began:
        times.setdefault(entry.data["process"]["pid"], []).append(entry.at["boottime_ns"])

    def told(use: Use, pid: int | None) -> bool:
        return any(use.began_ns - ABOUT_NS <= at <= use.ended_ns + ABOUT_NS for at in times.get(pid, ()))

    unread = [use for use in uses if not told(use, use.pid)]
    return len(uses) - len(unread), sum(not told(use, None) for use in unread)


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _settle(stage: ServiceStage) -> None:
    """Wait until nobody uses the camera any more, as the service sees it."""
    with stage.client() as client:
        until("all uses are over", lambda: not client.call(calls.Status())["uses"])


def _peak_mib(pid: int) -> float:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
