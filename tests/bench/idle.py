"""What `camguard watch` costs while nobody uses a camera: processor time, wake-ups and memory over a minute."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.programs import CAMGUARD, ROOT, Scope, environment
from tests.bench.report import Finding, Row, Target, say
from tests.bench.stage import Stage

MINUTE_S = 60
WARM_UP_S = 4
PATIENCE_S = 20
CPU_S, RESIDENT_MIB = 0.01, 36
NOBODY = 65534
_DROP = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# For a Python below /root: it lets nobody read files, and sees no more of other people's processes than nobody does.
_DROP_BUT_READ = (*_DROP, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used so far, all its threads together; memory, in MiB, is what it uses now."""

    cpu_ns: int
    ticks_s: float
    switches: int
    resident: float
    proportional: float
    own: float


@dataclass(frozen=True, slots=True)
class Watch:
    """One `camguard watch --json`."""

    name: str
    as_root: bool
    pretend: bool
    node: Path
    output: Path
    process: subprocess.Popen[bytes]

    def alive(self, finding: Finding) -> bool:
        """Whether it still runs, as it should."""
        alive = self.process.poll() is None
        finding.expect(alive, f"watch {self.name} ended by itself with {self.process.returncode}")
        return alive


def run(scope: Scope) -> Finding:
    """All watches at once over the same minute: over the real cameras, if any, and over a pretend one."""
    seconds = scope.pick(MINUTE_S, 6)
    finding = Finding()
    with ExitStack() as stack:
        watches = [stack.enter_context(each) for each in _watches(scope, finding)]
        time.sleep(WARM_UP_S)
        before = [(watch, cost_of(watch.process.pid)) for watch in watches if watch.alive(finding)]
        say(f"idle: {seconds} s")
        time.sleep(seconds)
        for watch, was in before:
            if watch.alive(finding):
                finding.rows += _rows(watch, was, cost_of(watch.process.pid), seconds)
        for watch, _ in before:
            if watch.pretend:
                _prove_awake(watch, finding)
    return finding


def _prove_awake(watch: Watch, finding: Finding) -> None:
    """A guard that sees nothing costs nothing: this one must tell of an open."""
    until = time.monotonic() + PATIENCE_S
    with watch.node.open("rb"):
        while b'"event":"opened"' not in watch.output.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
    seen = b'"event":"opened"' in watch.output.read_bytes()
    finding.expect(seen, f"watch {watch.name} did not tell of an open after it had been idle")


def _watches(scope: Scope, finding: Finding) -> Sequence[AbstractContextManager[Watch]]:
    """As root and as nobody; as whoever runs this where that is not root."""
    root = os.geteuid() == 0
    prefixes: dict[str, tuple[str, ...]] = {"root": (), **_as_nobody(finding)} if root else {"user": ()}
    real = f"real cameras ({len(list(Path('/dev').glob('video*')))} nodes)"
    watches = []
    for who, prefix in prefixes.items():
        for kind in (real, "a pretend camera"):
            stage = Stage(scope, f"idle-{who}-{kind.split()[0]}")
            if kind == real:
                text = stage.config_file.read_text()
                stage.config_file.write_text(text[: text.index("[platform]")])
            if prefix:
                os.chown(stage.folder, NOBODY, NOBODY)
            name = f"{who}, {kind}"
            watches.append(_watching(name, who == "root", kind == "a pretend camera", (*prefix, *CAMGUARD), stage))
    return watches


@contextmanager
def _watching(name: str, as_root: bool, pretend: bool, command: tuple[str, ...], stage: Stage) -> Iterator[Watch]:
    words = [*command, "--config", str(stage.config_file), "watch", "--json"]
    output = stage.folder / "watch.jsonl"
    with output.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment())
    with process:
        try:
            yield Watch(name, as_root, pretend, stage.path, output, process)
        finally:
            process.terminate()


def _as_nobody(finding: Finding) -> dict[str, tuple[str, ...]]:
    """How to become nobody here; empty where that cannot be done."""
    for prefix in (_DROP, _DROP_BUT_READ):
        command = [*prefix, sys.executable, "-c", "import camguard.compose"]
        try:
            done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment(), check=False)
        except FileNotFoundError:
            break
        if done.returncode == 0:
            return {"user": prefix}
    finding.missing.append(
        "watch as a user: it takes setpriv (apt install util-linux) and a checkout that all may read"
    )
    return {}


def _rows(watch: Watch, was: Cost, now: Cost, seconds: int) -> list[Row]:
    """Per minute, however long it was watched."""
    share = MINUTE_S / seconds
    cpu = (now.cpu_ns - was.cpu_ns) / 1e9 * share
    cheap = Target(f"<= {CPU_S} s", cpu <= CPU_S)
    small = Target(f"<= {RESIDENT_MIB} MiB", now.resident <= RESIDENT_MIB) if watch.as_root else None
    ticks = f"{(now.ticks_s - was.ticks_s) * share:.2f} s by utime + stime"
    memory = f"proportional {now.proportional:.1f} MiB, its own {now.own:.1f} MiB"
    return [
        Row(f"{watch.name}: CPU a minute", "s", cpu, target=cheap, note=ticks),
        Row(f"{watch.name}: wake-ups a minute", "", (now.switches - was.switches) * share),
        Row(f"{watch.name}: resident", "MiB", now.resident, target=small, note=memory),
    ]


def cost_of(pid: int) -> Cost:
    """What a process has used so far."""
    own = Path(f"/proc/{pid}")
    fields = (own / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    rollup = (own / "smaps_rollup").read_text()
    threads = [(task / "status").read_text() for task in (own / "task").iterdir()]
    return Cost(
        sum(int((task / "schedstat").read_text().split()[0]) for task in (own / "task").iterdir()),
        ticks / os.sysconf("SC_CLK_TCK"),
        sum(int(number) for text in threads for number in re.findall(r"voluntary_ctxt_switches:\s+(\d+)", text)),
        _mebibytes(rollup, "Rss"),
        _mebibytes(rollup, "Pss"),
        _mebibytes(rollup, "Private_Clean") + _mebibytes(rollup, "Private_Dirty"),
    )


def _mebibytes(rollup: str, name: str) -> float:
    return sum(int(number) for number in re.findall(rf"^{name}:\s+(\d+) kB$", rollup, re.MULTILINE)) / 1024
