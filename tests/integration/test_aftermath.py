"""What a guard that begins says of the one before, out of real logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camguard.core.events import Kind, Report
from camguard.core.model import Moment
from camguard.journal.aftermath import aftermath
from camguard.journal.queries import Reader
from camguard.journal.store import Journal
from tests.support.core_data import CAMERA, START, later
from tests.support.scripted import ScriptedClock

END = {"action": "end", "by": "user anna", "pids": [4711]}
OFF = {"action": "off", "by": "user anna"}


def told(tmp_path: Path, *reports: Report, beat: Moment | None = None, now: Moment | None = None) -> list[Report]:
    journal = Journal.open(tmp_path / "journal.db", ScriptedClock())
    journal.append(reports)
    journal.close()
    with Reader(tmp_path / "journal.db") as reader:
        return list(aftermath(reader, beat, now or later(100)))


def started(at: float = 0) -> Report:
    return Report(Kind.GUARD_STARTED, later(at), extra={"version": "1"})


def stopped(at: float) -> Report:
    return Report(Kind.GUARD_STOPPED, later(at), extra={"pid": 1})


def action(kind: Kind, at: float, about: dict[str, Any]) -> Report:
    return Report(kind, later(at), camera=CAMERA, extra=about)


def bounds(gap: Report) -> tuple[int, int]:
    extra = gap.extra or {}
    return extra["from"]["utc_ns"], extra["to"]["utc_ns"]


def test_the_first_guard_has_nothing_to_say(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_after_a_stop_nobody_watched_from_then_on(tmp_path: Path) -> None:
    [gap] = told(tmp_path, started(), stopped(10))
    assert (gap.kind, (gap.extra or {})["how"]) == (Kind.GUARD_GAP, "stopped")
    assert bounds(gap) == (later(10).utc_ns, later(100).utc_ns)


def test_one_that_died_watched_until_its_last_entry(tmp_path: Path) -> None:
    [gap] = told(tmp_path, started(), Report(Kind.CAMERA_ADDED, later(7), camera=CAMERA))
    assert (gap.extra or {})["how"] == "died"
    assert bounds(gap)[0] == later(7).utc_ns


def test_or_until_its_last_sign_of_life_where_that_is_later(tmp_path: Path) -> None:
    [gap] = told(tmp_path, started(), beat=later(30))
    assert bounds(gap)[0] == later(30).utc_ns
    assert (gap.extra or {})["from"]["boottime_ns"] == later(30).boottime_ns


def test_what_a_command_wrote_after_it_died_is_no_sign_of_life(tmp_path: Path) -> None:
    [gap] = told(tmp_path, started(5), Report(Kind.RULE_ADDED, later(50), extra={"rule": "r1"}))
    assert bounds(gap)[0] == later(5).utc_ns


def test_a_restart_of_the_machine_is_told_apart(tmp_path: Path) -> None:
    now = replace(later(100), boot_id="boot-2", boottime_ns=5)
    gap, down, again = told(tmp_path, started(), now=now)
    assert (gap.extra or {})["how"] == "machine went down"
    assert (down.kind, (down.extra or {})["orderly"]) == (Kind.MACHINE_DOWN, False)
    assert bounds(down) == (START.utc_ns, now.utc_ns - 5)
    assert (again.kind, (again.extra or {})["from"]["utc_ns"]) == (Kind.MACHINE_STARTED, now.utc_ns - 5)


def test_a_machine_that_was_shut_down_is_told_from_one_that_fell(tmp_path: Path) -> None:
    now = replace(later(100), boot_id="boot-2", boottime_ns=5)
    gap, down, _ = told(tmp_path, started(), stopped(10), now=now)
    assert (gap.extra or {})["how"] == "stopped"
    assert ((down.extra or {})["orderly"], bounds(down)[0]) == (True, later(10).utc_ns)


@pytest.mark.parametrize("about", [END, OFF])
def test_an_action_that_was_never_completed_is_told_once(tmp_path: Path, about: dict[str, Any]) -> None:
    _, unfinished = told(tmp_path, started(), action(Kind.ACTION_PENDING, 1, about))
    assert unfinished.kind is Kind.ACTION_UNFINISHED
    assert (unfinished.extra or {})["entry"] == 2
    assert (unfinished.extra or {})["action"] == about["action"]


def test_completed_actions_are_not_told(tmp_path: Path) -> None:
    done = [action(kind, 1, OFF) for kind in (Kind.ACTION_PENDING, Kind.ACTION_COMPLETED)]
    assert [report.kind for report in told(tmp_path, started(), *done)] == [Kind.GUARD_GAP]


def test_of_two_alike_the_one_without_an_end_is_told(tmp_path: Path) -> None:
    done = [action(kind, 1, OFF) for kind in (Kind.ACTION_PENDING, Kind.ACTION_COMPLETED)]
    _, unfinished = told(tmp_path, started(), *done, action(Kind.ACTION_PENDING, 2, OFF))
    assert (unfinished.extra or {})["entry"] == 4


def test_what_an_earlier_run_left_was_told_by_the_one_after_it(tmp_path: Path) -> None:
    reports = told(tmp_path, started(), action(Kind.ACTION_PENDING, 1, OFF), started(20), stopped(30))
    assert [report.kind for report in reports] == [Kind.GUARD_GAP]


def test_the_gate_goes_with_the_guard_that_kept_it(tmp_path: Path) -> None:
    closed = Report(Kind.GATE_CLOSED, later(1), extra={"mode": "block"})
    assert [report.kind for report in told(tmp_path, started(), closed)] == [Kind.GUARD_GAP, Kind.GATE_OPEN]


def test_a_gate_that_was_open_already_is_not_told_again(tmp_path: Path) -> None:
    closed = Report(Kind.GATE_CLOSED, later(1), extra={"mode": "block"})
    opened = Report(Kind.GATE_OPEN, later(2), extra={"why": "it died"})
    assert [report.kind for report in told(tmp_path, started(), closed, opened)] == [Kind.GUARD_GAP]


def test_times_are_kept_by_all_clocks(tmp_path: Path) -> None:
    [gap] = told(tmp_path, started(), stopped(10))
    assert (gap.extra or {})["from"]["boot_id"] == START.boot_id
