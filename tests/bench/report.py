"""What a bench found: rows for people and programs, and faults, which are wrong results and not slow ones."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from camguard import __version__

SCHEMA = 1
_HEADS = ("what", "median", "p99", "floor or peer", "ratio", "target", "reached")


@dataclass(frozen=True, slots=True)
class Peer:
    """What a row is held against: a floor or another program, measured in the same run, in the row's unit."""

    name: str
    median: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of the figure, in words, and whether this run reached it."""

    words: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing. `unit` is that of `median` and `p99`; `count` says of how many they are."""

    what: str
    unit: str
    median: float
    p99: float | None = None
    count: int = 1
    peer: Peer | None = None
    target: Target | None = None
    note: str | None = None

    @property
    def ratio(self) -> float | None:
        """The median as a multiple of the peer's."""
        return self.median / self.peer.median if self.peer is not None and self.peer.median else None


@dataclass(slots=True)
class Finding:
    """All that one bench found; `missing` names what could not be measured here, with the remedy."""

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def expect(self, sound: bool, fault: str) -> None:
        """Note a fault where the result is not as it has to be."""
        if not sound:
            self.faults.append(fault)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "camguard": __version__,
        "root": os.geteuid() == 0,
        "processes": processes(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def processes() -> int:
    """How many processes there are now."""
    return sum(name.isdigit() for name in os.listdir("/proc"))


def document(findings: dict[str, Finding], quick: bool) -> dict[str, Any]:
    """The whole run, JSON-ready."""
    benches = {
        name: {
            "rows": [{**asdict(row), "ratio": row.ratio} for row in finding.rows],
            "faults": finding.faults,
            "missing": finding.missing,
        }
        for name, finding in findings.items()
    }
    return {"schema": SCHEMA, "quick": quick, "machine": machine(), "benches": benches}


def head(about: dict[str, Any]) -> str:
    """The machine in one line."""
    who = "root" if about["root"] else "a user"
    return (
        f"{about['kernel']}, {about['cores']} cores, Python {about['python']}, camguard {about['camguard']}, "
        f"as {who}, {about['processes']} processes, load {about['load'][0]}"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    for at, row in reversed(list(enumerate(rows, 1))):
        if row.note is not None:
            lines.insert(at + 1, f"    {row.note}")
    return "\n".join(lines)


def say(text: str) -> None:
    """Show how far it is, away from what a program reads."""
    print(text, file=sys.stderr, flush=True)


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    return (
        row.what,
        shown(row.median, row.unit),
        "" if row.p99 is None else shown(row.p99, row.unit),
        "" if row.peer is None else f"{row.peer.name} {shown(row.peer.median, row.unit)}",
        "" if ratio is None else f"{ratio:.2f}x",
        "" if row.target is None else row.target.words,
        "" if row.target is None else "yes" if row.target.reached else "NO",
    )


def shown(value: float, unit: str) -> str:
    """A value with as many digits as mean something."""
    digits = 0 if value == int(value) or abs(value) >= 1000 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 4
    return f"{value:,.{digits}f} {unit}".rstrip()


def median(values: Iterable[float]) -> float:
    """The middle value: of an even number the higher of the two in the middle."""
    return percentile(values, 50)


def percentile(values: Iterable[float], percent: int) -> float:
    """The smallest value that at least `percent` of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def row(
    what: str,
    unit: str,
    values: Sequence[float],
    peer: Peer | None = None,
    target: Target | None = None,
    note: str | None = None,
) -> Row:
    """A row of many measured values."""
    return Row(what, unit, median(values), percentile(values, 99), len(values), peer, target, note)
