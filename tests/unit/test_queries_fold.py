"""Entries folded into one record of an activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from camguard.core.events import Kind, Report
from camguard.core.model import Judgement, Outcome, Process, Result, State
from camguard.journal.entry import GENESIS, Draft, seal_all
from camguard.journal.filter import Filter
from camguard.journal.fold import ActivationRecord, decode, fold
from tests.support.journal_data import ZOOM, life, moment


def folded(reports: Sequence[Report], *, watched: bool = True) -> ActivationRecord:
    rows = seal_all([Draft.of(report) for report in reports], 10, GENESIS)
    return fold(17, [decode(row[5]) for row in rows], watched=watched)


def action(kind: Kind, extra: dict[str, Any], like: Report, result: Result | None = None) -> Report:
    outcome = None if result is None else Outcome(result)
    return replace(like, kind=kind, at=moment(5), outcome=outcome, extra=extra)


def test_a_whole_use() -> None:
    record = folded(life(17, 0))
    assert (record.id, record.state, record.over, record.interrupted) == ("a17", "ended", True, False)
    assert record.opened_at.isoformat() == "2023-11-15T00:13:20+02:00"
    assert record.ended_at is not None
    assert record.ended_at - record.opened_at == timedelta(seconds=60)
    assert (record.duration_ms, record.capture, record.frames, record.opens) == (60_000, "mapping", 1800, 1)
    assert (record.app_name, record.camera_name, record.user) == ("Firefox", "Integrated Camera", "anna")
    assert (record.verdict, record.alerted, record.actions) == ("unexpected", False, ())
    assert (record.first_seq, record.last_seq) == (11, 14)


def test_before_it_is_known_who_it_was_the_process_is_named() -> None:
    record = folded(life(17, 0)[:1])
    assert (record.app, record.app_name, record.user) == (None, "Firefox", "1000")
    assert (record.verdict, record.ended_at, record.duration_ms, record.over) == (None, None, None, False)


def test_an_unknown_process_has_no_name() -> None:
    opened = life(17, 0)[0]
    assert opened.activation is not None
    record = folded([replace(opened, activation=replace(opened.activation, process=Process(None)))])
    assert (record.app_name, record.user) == ("", None)


def test_a_use_that_nobody_saw_end_is_interrupted() -> None:
    assert folded(life(17, 0)[:3], watched=False).interrupted
    assert not folded(life(17, 0), watched=False).interrupted


def test_what_an_action_thought_of_the_life_does_not_matter() -> None:
    reports = life(17, 0)
    late = action(Kind.ACTION_COMPLETED, {"action": "end"}, reports[2], Result.ENDED)
    assert folded([*reports, late]).state == State.ENDED


def test_details_that_came_once_stay() -> None:
    reports = life(17, 0)
    bare = replace(reports[3], app=None, details=None, verdict=None)
    record = folded([*reports[:3], bare])
    assert record.app_name == "Firefox"
    assert record.verdict == "unexpected"
    assert record.process is not None
    assert record.process["unit"] == "app-firefox-2711.scope"


def test_the_last_judgement_counts() -> None:
    reports = life(17, 0)
    again = replace(life(17, 0, judgement=Judgement.EXPECTED)[1], at=moment(1))
    record = folded([*reports[:3], again])
    assert record.verdict == "expected"
    assert [reason["code"] for reason in record.reasons] == ["allowed-by-rule"]


def test_alerts_and_actions_with_their_outcomes() -> None:
    reports = life(17, 0)
    first, second = {"action": "end", "by": "anna"}, {"action": "end", "by": "rule r2"}
    record = folded(
        [
            *reports[:3],
            replace(reports[2], kind=Kind.ALERT),
            action(Kind.ACTION_PENDING, first, reports[2]),
            action(Kind.ACTION_PENDING, second, reports[2]),
            action(Kind.ACTION_COMPLETED, second, reports[2], Result.ENDED),
        ]
    )
    assert record.alerted
    assert [(a.about["by"], a.outcome and a.outcome["result"]) for a in record.actions] == [
        ("anna", None),
        ("rule r2", "ended"),
    ]
    assert [a.pending_seq for a in record.actions] == [15, 16]
    assert record.actions[0].completed_at is None


def test_filters_match_parts_of_names_in_any_case() -> None:
    record = folded(life(17, 0, ZOOM))
    for text in ("ZOO", "/opt/", "zoom"):
        assert Filter(app=text).matches(record)
    for text in ("integrated", "046D:0825"):
        assert Filter(camera=text).matches(record)
    assert Filter(unexpected=True).matches(record)
    assert not Filter(app="firefox").matches(record)
    assert not Filter(camera="other").matches(record)
    assert not Filter(unexpected=True).matches(folded(life(17, 0, judgement=Judgement.EXPECTED)))
    assert Filter(unexpected=True).matches(folded(life(17, 0, judgement=Judgement.BLOCKED)))
    assert not Filter(unexpected=True).matches(folded(life(17, 0)[:1]))
