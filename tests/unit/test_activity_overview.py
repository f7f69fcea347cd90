"""What the activity page shows of each camera and app."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.activity.overview import ALIKE, NOTEWORTHY, Day, Sort, sort_of, span_of, timelines, totals
from camguard.activity.spans import Piece, Span, wall
from camguard.activity.words import judged, was_ended
from camguard.journal.fold import ActionRecord, ActivationRecord

OPENED = datetime(2026, 10, 20, 12, 0, tzinfo=timezone(timedelta(hours=2)))
NOW = datetime.fromisoformat("2026-11-20T18:00")
LIMITS = Span(datetime.fromisoformat("2026-10-18T09:00"), NOW)
NOTHING = ActivationRecord(
    number=1,
    state="ended",
    camera={"name": "Camera", "id": "one"},
    app={"name": "Zoom"},
    process=None,
    opened_at=OPENED,
    capturing_at=OPENED,
    ended_at=OPENED,
    duration_ms=1000,
    capture=None,
    frames=None,
    opens=1,
    ending=None,
    verdict="expected",
    reasons=[],
    alerted=False,
    interrupted=False,
    actions=(),
    first_seq=1,
    last_seq=1,
    last_at=OPENED,
)


def use(minutes: int = 0, lasting: int = 1, **known: Any) -> ActivationRecord:
    began = OPENED + timedelta(minutes=minutes)
    ended = began + timedelta(minutes=lasting)
    fields = {"opened_at": began, "ended_at": ended, "last_at": ended, "duration_ms": lasting * 60_000, **known}
    return replace(NOTHING, **fields)


uses = st.builds(
    use,
    st.integers(0, 25 * 1440),
    st.integers(0, 3000),
    state=st.sampled_from(["ended", "probe"]),
    verdict=st.sampled_from(["expected", "unexpected", "blocked", None]),
    app=st.sampled_from([{"name": "Zoom"}, {"name": "Firefox"}, None]),
    camera=st.sampled_from([{"name": "Camera", "id": "one"}, {"name": "Camera", "id": "two"}, None]),
)


@given(st.lists(uses, max_size=20))
def test_nothing_is_lost_between_the_uses_and_their_sums(records: list[ActivationRecord]) -> None:
    lines, apps = timelines(records, [], LIMITS), totals(records)
    days = [day for line in lines for day in line.days]
    looks = sum(sort_of(record) is Sort.LOOKED for record in records)
    noteworthy = sum(sort_of(record) in NOTEWORTHY for record in records)
    assert sum(line.uses for line in lines) == len(records)
    assert sum(day.uses for day in days) == sum(total.uses for total in apps) == len(records) - looks
    assert sum(day.looks for day in days) == sum(total.looks for total in apps) == looks
    assert sum(day.unexpected + day.blocked for day in days) == sum(total.noteworthy for total in apps) == noteworthy
    assert sum(total.ns for total in apps) == sum((record.duration_ms or 0) for record in records) * 1_000_000


@given(st.lists(uses, min_size=1, max_size=8), st.integers(0, 20))
def test_the_days_follow_one_another_the_newest_first(records: list[ActivationRecord], away_days: int) -> None:
    away = [Span(LIMITS.begin, LIMITS.begin + timedelta(days=away_days))]
    for line in timelines(records, away, LIMITS):
        assert line.days[0].last >= LIMITS.end.date()
        assert line.days[-1].first <= LIMITS.begin.date()
        for newer, older in zip(line.days, line.days[1:], strict=False):
            assert older.last == newer.first - timedelta(days=1)
        assert all(day.quiet for day in line.days if day.first != day.last)


def test_days_that_are_alike_are_told_in_one_line() -> None:
    watched_from = datetime.fromisoformat("2026-10-28T00:00")
    [line] = timelines([use()], [Span(LIMITS.begin, watched_from)], LIMITS)
    assert [(day.first, day.last) for day in line.days] == [
        (date(2026, 11, 20), date(2026, 11, 20)),
        (date(2026, 10, 28), date(2026, 11, 19)),
        (date(2026, 10, 21), date(2026, 10, 27)),
        (date(2026, 10, 20), date(2026, 10, 20)),
        (date(2026, 10, 19), date(2026, 10, 19)),
        (date(2026, 10, 18), date(2026, 10, 18)),
    ]
    assert line.days[2].unwatched == timedelta(days=1)
    assert line.days[1].unwatched == timedelta(0)
    assert (line.days[0].begin, line.days[0].end) == (0, 18 * 60)
    assert (line.days[-1].begin, line.days[-1].end) == (9 * 60, 1440)
    assert ALIKE <= 7


def test_cameras_of_one_name_are_two_cameras() -> None:
    records = [use(), use(camera={"name": "Camera", "id": "two"}), use(camera={"name": "Camera", "id": "two"})]
    assert [(line.camera_id, line.uses) for line in timelines(records, [], LIMITS)] == [("two", 2), ("one", 1)]


def test_a_use_is_drawn_as_far_as_it_is_known() -> None:
    begin = wall(OPENED)
    seen = OPENED + timedelta(minutes=7)
    unfinished = replace(NOTHING, state="capturing", ended_at=None, duration_ms=None, last_at=seen)
    assert span_of(NOTHING, NOW) == Span(begin, begin)
    assert span_of(unfinished, NOW) == Span(begin, NOW)
    assert span_of(replace(unfinished, interrupted=True), NOW) == Span(begin, wall(seen))


def test_a_use_through_the_night_is_on_both_days_and_counted_once() -> None:
    [line] = timelines([use(11 * 60, 120)], [], LIMITS)
    night = [day for day in line.days if day.bars]
    assert [(day.first.day, day.uses) for day in night] == [(21, 0), (20, 1)]
    assert not any(day.quiet for day in night)


def test_who_was_unexpected_is_told_first() -> None:
    records = [use(app={"name": "Zoom"}), use(app={"name": "Zoom"}), use(app=None, verdict="blocked")]
    assert [(total.app, total.noteworthy) for total in totals(records)] == [("an unknown process", 1), ("Zoom", 0)]


def test_the_sorts() -> None:
    assert sort_of(use(state="probe", verdict="unexpected")) is Sort.LOOKED
    assert sort_of(use(verdict="blocked")) is Sort.BLOCKED
    assert sort_of(use(verdict=None)) is Sort.UNJUDGED


def test_a_day_is_quiet_only_where_it_was_one_thing_all_day() -> None:
    day = date(2026, 10, 20)
    assert Day(day, day).quiet
    assert Day(day, day, away=(Piece(day, 0, 1440),)).quiet
    assert not Day(day, day, away=(Piece(day, 0, 60),)).quiet


def test_an_empty_log_has_neither_cameras_nor_apps() -> None:
    assert timelines([], [], LIMITS) == []
    assert totals([]) == []


@pytest.mark.parametrize(
    ("state", "judgement", "said"),
    [
        ("probe", "unexpected", ("looked only", False)),
        ("probe", "blocked", ("looked only, blocked", True)),
        ("ended", "blocked", ("blocked", True)),
        ("ended", "expected", ("expected", True)),
    ],
)
def test_a_look_that_was_blocked_does_not_pass_for_any_other(
    state: str, judgement: str, said: tuple[str, bool]
) -> None:
    done = ActionRecord(5, OPENED, OPENED, {}, {"result": "ended"})
    record = use(state=state, verdict=judgement, actions=(done,))
    assert (judged(record), was_ended(record)) == said
