"""Times not watched, and the days of the activity page, as properties."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camguard.activity.overview import APART, NARROWEST, Bar, Sort, bars
from camguard.activity.spans import DAY_MINUTES, Piece, Span, joined, local, not_watched, pieces, within
from camguard.core.coverage import Sign
from camguard.core.events import Kind
from camguard.core.model import Moment
from camguard.journal.filter import to_utc_ns

FIRST = datetime.fromisoformat("2026-10-20T00:00")
MINUTE = timedelta(minutes=1)

times = st.integers(0, 14 * DAY_MINUTES).map(lambda minutes: FIRST + minutes * MINUTE)
spans = st.builds(Span, times, times)
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


@given(st.lists(spans, max_size=6), spans, st.integers(-12, 14))
def test_what_no_guard_watched_is_hatched_where_the_wall_showed_it(runs: list[Span], limits: Span, hours: int) -> None:
    said = [
        Sign(kind, at_wall(time_, hours))
        for run in joined(runs)
        for kind, time_ in ((Kind.GUARD_STARTED, run.begin), (Kind.GUARD_STOPPED, run.end))
    ]
    assert minutes_of(not_watched(said, limits)) == minutes_of([limits]) - minutes_of(runs)


def test_each_time_is_placed_by_the_wall_of_then() -> None:
    berlin, lima = FIRST + 60 * MINUTE, FIRST + 180 * MINUTE
    said = [
        Sign(Kind.GUARD_STARTED, at_wall(FIRST, 1)),
        Sign(Kind.GUARD_STOPPED, at_wall(berlin, 1)),
        Sign(Kind.GUARD_STARTED, at_wall(lima, -5)),
    ]
    assert not_watched(said, Span(FIRST, lima)) == [Span(berlin, lima)]
    assert local(said[2].at) == lima


def test_a_guard_that_died_watched_until_it_is_known_to_have() -> None:
    said = [Sign(Kind.GUARD_STARTED, at_wall(FIRST, 0))]
    known = at_wall(FIRST + 30 * MINUTE, 0).utc_ns
    limits = Span(FIRST, FIRST + 60 * MINUTE)
    assert not_watched(said, limits, known) == [Span(FIRST + 30 * MINUTE, FIRST + 60 * MINUTE)]
    assert not_watched([], limits) == [limits]


def at_wall(time_: datetime, hours: int) -> Moment:
    """The moment at which a wall so many hours east of Greenwich shows this."""
    utc = time_.replace(tzinfo=timezone(timedelta(hours=hours)))
    return Moment(to_utc_ns(utc), hours * 3600, 0, "boot-1")


@given(day_pieces)
def test_each_piece_is_under_a_bar_that_can_be_seen_and_told_from_the_next(found: list[Piece]) -> None:
    drawn = list(bars(Sort.EXPECTED, found))
    assert all(bar.begin >= 0 and bar.end <= DAY_MINUTES and bar.end - bar.begin > NARROWEST - 1e-6 for bar in drawn)
    assert all(other.begin > one.end + APART for one, other in pairwise(drawn))
    assert all(any(covers(bar, piece) for bar in drawn) for piece in found)


def covers(bar: Bar, piece: Piece) -> bool:
    return bar.begin <= piece.begin and piece.end <= bar.end
