"""Logs that are cut: what a guard does once a day, in a few lines."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, settings

from camguard.core.events import Kind, Report
from camguard.journal import retention
from camguard.journal.store import Journal
from tests.support.journal_data import FixedClock, life, moment, simple

LIVES = 6
SECONDS = 100
FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)


def log_of_lives(path: Path) -> None:
    """A guard that ran all the time, and a use every `SECONDS`, of four entries each."""
    with closing(Journal.open(path, FixedClock())) as journal:
        journal.append([simple(Kind.GUARD_STARTED, 0, pid=1), simple(Kind.GUARD_BLIND, 1, what="log", why="so")])
        for number in range(1, LIVES + 1):
            journal.append(life(number, number * SECONDS))


def at(second: float) -> int:
    return moment(second).utc_ns


def plan(path: Path, second: float, now: float = 10_000) -> bool:
    """Have the log say what will be cut; whether there is anything."""
    said = retention.plan(path, at(second), at(now), "1y")
    if said is not None:
        with closing(Journal.open(path, FixedClock())) as journal:
            journal.append([Report(Kind.JOURNAL_CUT, moment(now), extra=said.extra)])
    return said is not None


def carry_out(path: Path, steps: int = 10_000) -> None:
    with closing(retention.Cutter(path)) as cutter:
        for _ in range(steps):
            found = cutter.step()
            if found is None:
                return
            assert found.ok


def cut(path: Path, second: float) -> None:
    if plan(path, second):
        carry_out(path)


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM entries ORDER BY seq")]
