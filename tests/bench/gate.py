"""What the gate costs: loading it, and every open of a file and of a camera, beside the same without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camguard.platform.linux.gate import obstacle
from tests.bench.programs import Scope
from tests.bench.report import Finding, Peer, median, row

_OPENS = 2_000
_HOLDS = """\
import json, sys, time
from camguard.core.gatekeeping import GateOrder
from camguard.core.model import AppIdentity, AppKind
from camguard.platform.linux.clock import LinuxClock
from camguard.platform.linux.gate.keeper import LinuxGate

def kib(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what + ":"))

before, peak, begun = kib("VmRSS"), kib("VmHWM"), time.perf_counter_ns()
gate = LinuxGate(LinuxClock())
gate.open()
opened = time.perf_counter_ns()
gate.apply([GateOrder(AppIdentity(AppKind.EXECUTABLE, p, p), refuse=True) for p in sys.argv[1:]], refuse_others=False)
applied = time.perf_counter_ns()
print(json.dumps([opened - begun, applied - opened, kib("VmRSS") - before, kib("VmHWM") - peak]), flush=True)
sys.stdin.read()
"""


def run(scope: Scope) -> Finding:
    """Loading, memory, and opens with and without it."""
    found = obstacle.find()
    if found is not None:
        return Finding(missing=[f"the gate: {found.why} {found.remedy}"])
    finding = Finding()
    targets = {"a file": str(scope.folder / "file")}
    Path(targets["a file"]).touch()
    cameras = sorted(Path("/dev").glob("video*"))
    if cameras:
        targets["a camera"] = str(cameras[0])
    else:
        finding.missing.append("opens of a camera: none is plugged in")
    loads: list[list[int]] = []
    without: dict[str, list[float]] = {what: [] for what in targets}
    within: dict[str, list[float]] = {what: [] for what in targets}
    for _ in range(scope.pick(10, 3)):  # in turn, so that what else the machine does meets both alike
        _open_all(targets, without)
        with _gate() as load:
            loads.append(load)
            _open_all(targets, within)
    for index, (what, unit, scale) in enumerate(
        (
            ("load and attach", "ms", 1e6),
            ("apply one order", "ms", 1e6),
            ("memory it adds", "MiB", 1024),
            ("memory it adds at most, while loading", "MiB", 1024),
        )
    ):
        finding.rows.append(row(f"gate: {what}", unit, [load[index] / scale for load in loads]))
    for what in targets:
        peer = Peer("without", median(without[what]))
        finding.rows.append(row(f"gate: open of {what}", "us", within[what], peer))
    return finding


@contextmanager
def _gate() -> Iterator[list[int]]:
    """Another process that holds the gate; what it measured."""
    with subprocess.Popen([sys.executable, "-c", _HOLDS, "/usr/bin/true"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def _open_all(targets: dict[str, str], times: dict[str, list[float]]) -> None:
    for what, path in targets.items():
        times[what] += _opens(path, _OPENS)


def _opens(path: str, times: int) -> list[float]:
    """Microseconds of each open; whether it succeeds does not matter."""
    found = []
    for _ in range(times):
        begun = time.perf_counter_ns()
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            found.append((time.perf_counter_ns() - begun) / 1000)
            continue
        found.append((time.perf_counter_ns() - begun) / 1000)
        os.close(fd)
    return found
