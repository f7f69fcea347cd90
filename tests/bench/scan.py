"""Who holds a node, asked of every process there is, beside fuser and lsof."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

from camguard.core.model import Node
from camguard.platform.linux.holders import HolderFinder, Scan
from camguard.platform.linux.procfs import ProcessReader
from tests.bench.programs import NO_COMPILER, Scope, compiled, crowd, holder
from tests.bench.report import Finding, Peer, Target, median, row, say
from tests.bench.stage import Stage

SIZES = (100, 2_000, 10_000)
HOLDERS = 3
LSOF_TIMES = 4
MOST, LEAST = 60, 3

Ask = Callable[[], set[int]]


def run(scope: Scope) -> Finding:
    """Every size, each with as many processes as that and a few who hold the node."""
    opener, sleepers = compiled("opener", scope.folder), compiled("sleepers", scope.folder)
    if opener is None or sleepers is None:
        return Finding(missing=[NO_COMPILER])
    finding = Finding()
    for tool, package in (("fuser", "psmisc"), ("lsof", "lsof")):
        if shutil.which(tool) is None:
            finding.missing.append(f"beside {tool}: apt install {package}")
    stage = Stage(scope, "scan")
    for size in SIZES[: scope.pick(3, 2)]:
        say(f"scan: {size} processes")
        with ExitStack() as stack:
            holders = {stack.enter_context(holder(opener, stage.path)) for _ in range(HOLDERS)}
            total = stack.enter_context(crowd(sleepers, size))
            _measure(stage.node, holders, total, scope.pick(8_000, 500), finding)
    return finding


def _measure(node: Node, holders: set[int], total: int, budget_ms: int, finding: Finding) -> None:
    """All in turn, so that whatever else the machine does meets all alike; each as often as its budget allows."""
    asks = _asks(node)
    times: dict[str, list[float]] = {name: [] for name in asks}
    while True:
        tired = [name for name, spent in times.items() if len(spent) >= LEAST and _enough(spent, budget_ms)]
        if len(tired) == len(asks):
            break
        for name in asks.keys() - tired:
            begun = time.perf_counter_ns()
            found = asks[name]()
            times[name].append((time.perf_counter_ns() - begun) / 1e6)
            fault = f"{name} at {total} processes found the holders {sorted(found)}, not {sorted(holders)}"
            finding.expect(found == holders, fault)
    _tell(times, total, finding)


def _enough(spent: list[float], budget_ms: int) -> bool:
    return len(spent) >= MOST or sum(spent) >= budget_ms


def _tell(times: dict[str, list[float]], total: int, finding: Finding) -> None:
    ours = [name for name in times if name.startswith("scan")]
    for name in times.keys() - ours:
        finding.rows.append(row(f"{name}, {total:,} processes", "ms", times[name]))
    for name in ours:
        middle = median(times[name])
        if "fuser -v" in times:
            peer = Peer("fuser -v", median(times["fuser -v"]))
            target = Target("<= 1x", middle <= peer.median)
            finding.rows.append(row(f"{name}, {total:,} processes", "ms", times[name], peer, target))
        if "lsof" in times:
            peer = Peer("lsof", median(times["lsof"]))
            target = Target(f"<= 1/{LSOF_TIMES}x", middle * LSOF_TIMES <= peer.median)
            finding.rows.append(row(f"{name}, {total:,} processes", "ms", times[name], peer, target))


def _asks(node: Node) -> dict[str, Ask]:
    """Everybody who can say who holds the node. `fuser` looks for mappings too, as a first scan does."""
    finder = HolderFinder(ProcessReader())
    asks: dict[str, Ask] = {
        "scan of descriptors": lambda: _pids(finder.scan([node])),
        "scan with mappings": lambda: _pids(finder.scan([node], mappings=True)),
    }
    if shutil.which("fuser"):
        asks["fuser -v"] = lambda: _said(["fuser", "-v", node.path])
    if shutil.which("lsof"):
        asks["lsof"] = lambda: _said(["lsof", "-t", node.path])
    return asks


def _pids(scan: Scan) -> set[int]:
    return {grip.process.identity.pid for grip in scan.grips if grip.process.identity is not None}


def _said(command: list[str]) -> set[int]:
    """The pids that a tool prints; fuser's table and lsof's warnings go elsewhere."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {int(pid) for pid in re.findall(r"\d+", done.stdout)}
