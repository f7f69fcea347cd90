"""What a guard that begins says of the one before, whatever the clock on the wall did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camguard.core.events import Kind, Report
from camguard.core.model import NANOSECONDS, Moment, Outcome, Result
from camguard.journal.aftermath import aftermath
from camguard.journal.lock import GuardLock, last_beat
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.core_data import CAMERA, START, later
from tests.support.scripted import ScriptedClock

HOUR_NS = 3600 * NANOSECONDS


def action(kind: Kind, at: Moment, *, by: str = "user anna", result: Result | None = None) -> Report:
    outcome = None if result is None else Outcome(result)
    return Report(kind, at, camera=CAMERA, outcome=outcome, extra={"action": "off", "by": by})


def after(folder: Path, reports: Sequence[Report], beat: Moment | None, now: Moment) -> list[tuple[Kind, Any]]:
    """What is told at `now` of a guard that started, wrote these, left that sign of life, and was no more."""
    path = folder / "journal.db"
    journal = Journal.open(path, ScriptedClock())
    journal.append([Report(Kind.GUARD_STARTED, START), *reports])
    journal.close()
    with Reader(path) as past:
        return [(report.kind, report.extra) for report in aftermath(past, beat, now)]


def test_the_gap_begins_with_the_last_sign_of_life(tmp_path: Path) -> None:
    [(kind, gap)] = after(tmp_path, [Report(Kind.CAMERA_ADDED, later(5), CAMERA)], later(30), later(60))
    assert kind is Kind.GUARD_GAP
    assert (gap["from"]["boottime_ns"], gap["to"]["boottime_ns"]) == (later(30).boottime_ns, later(60).boottime_ns)


@pytest.mark.parametrize("jump_ns", [-HOUR_NS, HOUR_NS])
def test_a_clock_on_the_wall_that_jumps_moves_no_bound(tmp_path: Path, jump_ns: int) -> None:
    def jumped(at: Moment) -> Moment:
        return replace(at, utc_ns=at.utc_ns + jump_ns)

    seen = Report(Kind.CAMERA_ADDED, later(5), CAMERA)
    [(_, gap)] = after(tmp_path, [seen], jumped(later(30)), jumped(later(60)))
    assert gap["from"]["boottime_ns"] == later(30).boottime_ns
    assert gap["how"] == "died"


def test_a_sign_of_life_from_before_the_last_entry_counts_for_nothing(tmp_path: Path) -> None:
    ahead = replace(later(1), utc_ns=START.utc_ns + HOUR_NS)
    [(_, gap)] = after(tmp_path, [Report(Kind.CAMERA_ADDED, later(5), CAMERA)], ahead, later(60))
    assert gap["from"]["boottime_ns"] == later(5).boottime_ns


def test_what_was_refused_before_does_not_hide_what_was_never_finished(tmp_path: Path) -> None:
    reports = [
        action(Kind.ACTION_COMPLETED, later(1), result=Result.REFUSED),  # it was never begun
        action(Kind.ACTION_PENDING, later(2)),
        action(Kind.ACTION_PENDING, later(3), by="user bert"),
        action(Kind.ACTION_COMPLETED, later(4), by="user bert", result=Result.OFF),
    ]
    [_, (kind, about)] = after(tmp_path, reports, None, later(60))
    assert (kind, about["entry"], about["by"]) == (Kind.ACTION_UNFINISHED, 3, "user anna")


def test_taking_the_lock_is_no_sign_of_life(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert last_beat(path) is None
    with GuardLock(path) as lock:
        assert last_beat(path) is None
        lock.beat(later(7))
    assert last_beat(path) == later(7)
    with GuardLock(path):
        assert last_beat(path) == later(7)


@pytest.mark.parametrize("content", [b"", b"17\n", b"17\nyesterday\n", b"\xff\xfe 1 2 3", b"17\n1 2 3 b more\n"])
def test_a_lock_that_says_nothing_sensible_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db.lock").write_bytes(content)
    assert last_beat(tmp_path / "journal.db") is None
    GuardLock(tmp_path / "journal.db").release()
