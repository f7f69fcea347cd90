"""Times not watched, and the days of the activity page, as properties."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camguard.activity.overview import APART, NARROWEST, Bar, Sort, bars
from camguard.activity.spans import DAY_MINUTES, Piece, Span, Turn, joined, not_watched, pieces, turn_of, wall, within
from camguard.core.events import Kind
from camguard.core.records import line
from tests.support.journal_data import simple

FIRST = datetime.fromisoformat("2026-10-20T00:00")
MINUTE = timedelta(minutes=1)

times = st.integers(0, 14 * DAY_MINUTES).map(lambda minutes: FIRST + minutes * MINUTE)
spans = st.builds(Span, times, times)
turns = st.lists(
    st.one_of(
        st.builds(Turn, st.sampled_from([Kind.GUARD_STARTED.value, Kind.GUARD_STOPPED.value]), times),
        st.builds(lambda at, gap: Turn(Kind.GUARD_GAP, at, gap), times, spans),
    ),
    max_size=12,
).map(lambda found: sorted(found, key=lambda turn: turn.at))
day_pieces = st.lists(
    st.tuples(st.floats(0, DAY_MINUTES), st.floats(0, DAY_MINUTES)).map(
        lambda two: Piece(date.min, min(two), max(two))
    ),
    min_size=1,
)


def minutes_of(found: list[Span]) -> set[datetime]:
    """Every whole minute that lies in one of the spans, to compare with what was worked out."""
    return {
        span.begin + number * MINUTE for span in found for number in range(max(0, (span.end - span.begin) // MINUTE))
    }


@given(st.lists(spans, max_size=10))
def test_joining_keeps_the_time_and_leaves_room_between(found: list[Span]) -> None:
    whole = joined(found)
    assert minutes_of(whole) == minutes_of(found)
    assert all(one.end < other.begin for one, other in pairwise(whole))
    assert joined(whole) == whole


@given(st.lists(spans, max_size=6), spans)
def test_cutting_keeps_what_is_inside_and_nothing_else(found: list[Span], limits: Span) -> None:
    assert minutes_of(list(within(found, limits))) == minutes_of(found) & minutes_of([limits])


@given(spans)
def test_pieces_make_up_the_span_day_by_day(span: Span) -> None:
    cut = list(pieces(span))
    assert [piece.day for piece in cut] == [cut[0].day + timedelta(days=number) for number in range(len(cut))]
    assert cut[0].day == span.begin.date()
    assert sum(piece.end - piece.begin for piece in cut) * MINUTE == span.length
    assert all(0 <= piece.begin <= piece.end <= DAY_MINUTES for piece in cut)
    assert all(piece.begin < piece.end for piece in cut[1:])


def test_a_use_without_length_is_there_also_at_midnight() -> None:
    midnight = datetime.combine(FIRST.date(), time.min)
    assert list(pieces(Span(midnight, midnight))) == [Piece(FIRST.date(), 0, 0)]


@given(turns, spans)
def test_a_minute_is_watched_when_the_last_word_before_it_was_a_start_and_no_gap_covers_it(
    said: list[Turn], limits: Span
) -> None:
    away = minutes_of(not_watched(said, limits))
    for minute in minutes_of([limits]):
        gone = any(turn.gap is not None and turn.gap.begin <= minute < turn.gap.end for turn in said)
        last = [turn.kind for turn in said if turn.gap is None and turn.at <= minute]
        assert (minute in away) == (gone or last[-1:] != [Kind.GUARD_STARTED])


def test_what_a_guard_says_is_read_as_it_was_written() -> None:
    started = line(simple(Kind.GUARD_STARTED, 60, pid=1))
    assert turn_of(started) == Turn(Kind.GUARD_STARTED, datetime.fromisoformat("2023-11-15T00:14:20"))
    extra = {"how": "died", "from": {"at": "2023-11-15T01:00:00+02:00"}, "to": {"at": "2023-11-15T02:00:00+01:00"}}
    gap = turn_of(line(simple(Kind.GUARD_GAP, 60, **extra)))
    assert gap is not None
    assert gap.gap == Span(datetime.fromisoformat("2023-11-15T01:00"), datetime.fromisoformat("2023-11-15T02:00"))
    assert turn_of({"event": "guard.started", "at": "soon"}) is None
    assert turn_of({"event": "guard.gap", "at": "2023-11-15T01:00:00+02:00", "extra": {"from": "?"}}) == Turn(
        "guard.gap", wall(datetime.fromisoformat("2023-11-15T01:00:00+02:00"))
    )


@given(day_pieces)
def test_each_piece_is_under_a_bar_that_can_be_seen_and_told_from_the_next(found: list[Piece]) -> None:
    drawn = list(bars(Sort.EXPECTED, found))
    assert all(bar.begin >= 0 and bar.end <= DAY_MINUTES and bar.end - bar.begin > NARROWEST - 1e-6 for bar in drawn)
    assert all(other.begin > one.end + APART for one, other in pairwise(drawn))
    assert all(any(covers(bar, piece) for bar in drawn) for piece in found)


def covers(bar: Bar, piece: Piece) -> bool:
    return bar.begin <= piece.begin and piece.end <= bar.end
